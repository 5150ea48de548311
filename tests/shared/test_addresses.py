"""Which URLs may be called: every odd spelling is refused before anything is resolved or opened."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.addresses import AddressRefused, Rules, is_public, place_of

RULES = Rules()

PRIVATE_4 = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.254 127.0.0.1 127.1.2.3 127.255.255.255
169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.254 192.0.0.1 192.0.0.8 192.0.0.170 192.0.0.192 192.0.2.1 192.31.196.1
192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 168.63.129.16
""".split()
PRIVATE_6 = """
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:7f00:1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::808:808
64:ff9b:1::1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:808:808::1 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 fe80::1
fec0::1 ff02::1 ff0e::1 4000::1
""".split()
PUBLIC = "1.1.1.1 8.8.8.8 9.9.9.9 114.114.114.114 203.0.112.1 100.63.255.255 100.128.0.1 172.32.0.1 2606:4700::1111 2400:3200::1 2a00:1450::1".split()

HOSTS = """
localhost. 127.1 127.0.1 2130706433 0x7f000001 0x7f.0x0.0x0.0x1 0x7f.1 017700000001 0177.0.0.1 0177.1 00.0.0.0 0 0x0 1
127.0.0.1. 127.000.000.001 127.0.0.01 256.256.256.256 1.2.3 1.2.3.4.5 1.2.3.256 0xa9fea9fe 169.254.43518 2852039166
example.0x7f example.127 １２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1 ０ｘ７ｆ.1 x..example.org .example.org example.org..
-bad.example bad-.example exa_mple!.org exam%70le.org %6c%6f%63alhost ex%00ample.org [::1 ::1] [::1]x [::1]:443x [::1%25eth0]
[fe80::1%lo] [127.0.0.1] [::ffff:127.0.0.1 [1] [::g] [v1.x] user@127.0.0.1 a@b@example.org example.org:99999 example.org:-1
example.org:0 example.org:8_0 example.org:４４３ example.org:443:443 example.org:22 example.org:25 example.org:80 example.org:6379
*.example.org (x).example.org ex,ample.org
""".split()

WHOLE = [
    "",
    "https://",
    "https:///path",
    "https:/example.org",
    "https:example.org",
    "//example.org/",
    "example.org",
    "http://example.org/",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:70/_x",
    "unix:///run/docker.sock",
    "data:text/plain,x",
    "javascript:alert(1)",
    "https://user:secret@example.org/",
    "https://user@example.org/",
    "https://@example.org/",
    "https://example.org@127.0.0.1/",
    "https://127.0.0.1#@example.org/",
    "https://example.org\\@127.0.0.1/",
    "https://example.org\\.evil.example/",
    "https:\\\\127.0.0.1\\",
    "https://example.org/\r\nHost: x",
    "https://example.org/ x",
    "https://exam\tple.org/",
    "https://example.org\n/",
    " https://127.0.0.1/",
    "https://example.org/\x00",
    "https://example.org/\x7f",
    "https://exa\u00admple\u200b.org/",
    "https://example.org/\u202egpj",
    "https://example.org/<x>",
    'https://example.org/"x',
    "https://\u2100.example/",
    "https://a\u2025b/",
    "https://example.org/" + "a" * 1000,
    "https://" + "a" * 64 + ".example/",
    "https://" + ".".join(["a" * 60] * 5) + "/",
    "HTTPS://127.0.0.1/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[0000::1]/",
    "https://[::FFFF:7F00:0001]/",
]

TRICKS = [
    *WHOLE,
    *(f"https://{host}/" for host in (*PRIVATE_4, *HOSTS)),
    *(f"https://[{host}]/" for host in PRIVATE_6),
    *(f"https://{host}:8443/hook?x=1" for host in PRIVATE_4),
    *(f"https://[{host}]:443/hook" for host in PRIVATE_6),
    *(f"https://{int(ipaddress.IPv4Address(host))}/" for host in PRIVATE_4),
    *(f"https://{int(ipaddress.IPv4Address(host)):#x}/" for host in PRIVATE_4),
    *(
        "https://{}/".format(
            ".".join(f"{int(part):#o}".replace("0o", "0") for part in host.split("."))
        )
        for host in PRIVATE_4
    ),
    *(f"https://[::ffff:{host}]/" for host in PRIVATE_4),
]


def test_there_are_three_hundred_tricks() -> None:
    """The corpus of this file is as large as it claims."""
    assert len(set(TRICKS)) >= 300


@pytest.mark.parametrize("url", sorted(set(TRICKS)), ids=ascii)
def test_a_trick_is_refused_when_it_is_read(url: str) -> None:
    """Odd spellings, other schemes, ports and every special-purpose address are refused without any look-up."""
    with pytest.raises(AddressRefused):
        place_of(url, RULES)


@pytest.mark.parametrize("address", [*PRIVATE_4, *PRIVATE_6])
def test_what_is_not_public_is_known(address: str) -> None:
    """Special-purpose addresses are not public, whatever the release of Python calls them."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_known(address: str) -> None:
    """Ordinary addresses, also those just beside a special block, are public."""
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_nothing_is_public_that_python_calls_private(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Our list is stricter than the standard library's everywhere."""
    assert address.is_global or not is_public(address)


@pytest.mark.parametrize(
    ("url", "host", "port", "kept"),
    [
        ("https://example.org", "example.org", 443, "https://example.org/"),
        ("HTTPS://Example.ORG:443/a?b=c#d", "example.org", 443, "https://example.org/a?b=c"),
        (
            "https://example.org:8443/%E4%B8%AD?q=%2F",
            "example.org",
            8443,
            "https://example.org:8443/%E4%B8%AD?q=%2F",
        ),
        (
            "https://政务.中国/通知",
            "xn--zfr164b.xn--fiqs8s",
            443,
            "https://xn--zfr164b.xn--fiqs8s/%E9%80%9A%E7%9F%A5",
        ),
        ("https://ＥＸＡＭＰＬＥ.org/", "example.org", 443, "https://example.org/"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "https://8.8.8.8/"),
        ("https://[2606:4700:0::1111]/", "2606:4700::1111", 443, "https://[2606:4700::1111]/"),
    ],
)
def test_a_plain_url_is_kept_in_one_spelling(url: str, host: str, port: int, kept: str) -> None:
    """Names are ASCII in lower case, fragments go, non-ASCII paths are percent-encoded."""
    place = place_of(url, RULES)
    assert (place.host, place.port, place.url) == (host, port, kept)
    assert place_of(place.url, RULES) == place


def test_the_operator_opens_named_networks_and_nothing_else() -> None:
    """A named network can be reached, its neighbours cannot; http and its ports come with their own setting."""
    rules = Rules.of("10.20.0.0/16, fd12::/64", "", http=True)
    assert place_of("http://10.20.1.2:8080/", rules).port == 8080
    assert place_of("https://[fd12::5]/", rules).host == "fd12::5"
    for url in ("https://10.21.0.1/", "https://127.0.0.1/", "https://10.20.1.2:9000/"):
        with pytest.raises(AddressRefused):
            place_of(url, rules)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "::ffff:10.0.0.1",
        "fd00:ec2::254",
        "0.0.0.0",
        "224.0.0.1",
    ],
)
def test_no_setting_opens_metadata_services(address: str) -> None:
    """Even an operator who opens everything does not open link-local, multicast, or the clouds' metadata."""
    rules = Rules.of("0.0.0.0/0, ::/0", "", http=False)
    assert not rules.allow(ipaddress.ip_address(address))
    assert rules.allow(ipaddress.ip_address("10.0.0.1"))


@pytest.mark.parametrize(
    ("networks", "ports"),
    [("10.0.0.1/8", ""), ("intranet", ""), ("", "0"), ("", "http"), ("", "70000")],
)
def test_settings_that_cannot_be_read_are_refused(networks: str, ports: str) -> None:
    """A network with host bits, a name, or a port that is none ends the start."""
    with pytest.raises(ValueError):
        Rules.of(networks, ports, http=False)
