"""One instance on this machine: embedded servers, all services, one front, one data folder."""
