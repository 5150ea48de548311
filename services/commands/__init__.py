"""The commands of `gazette`, one module each; every module has `mount(program)`."""
