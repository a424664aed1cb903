"""Addresses of machines: IP and MAC."""

import ipaddress

from components.pii.recognizers.rules import Rule, RuleRecognizer

_VERSION = (
    r"(?<!\b(?i:versions?|v|ver|release|build|upgraded?|section|chapter|firmware|driver)"
    r"(?:\W{1,3}(?i:number|no|is|to|from))?[\s.:=#\"'-]{1,4})"
)


def _is_ip(text: str) -> bool | None:
    """None for a possible address, False for what is none: ``300.1.1.1``, ``12:34:56``, ``a::b``."""
    address = text.partition("/")[0]
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if parsed.version == 6 and not any(char.isdigit() for char in address):
        return False
    return False if parsed.is_unspecified or parsed == ipaddress.ip_address("127.0.0.1") else None


def ips() -> RuleRecognizer:
    """IPv4 addresses that are not a version's number, and IPv6 addresses; a prefix length belongs to them."""
    return RuleRecognizer(
        "IP_ADDRESS",
        [
            Rule(
                pattern=rf"(?<![\w.-]){_VERSION}\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?:/\d{{1,2}}(?!\d))?(?![\w-]|\.\d)",
                score=0.8,
                digits=4,
                check=_is_ip,
            ),
            Rule(
                pattern=r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}|:)(?::[0-9A-Fa-f]{0,4}){2,7}+(?:(?<=:)\d{1,3}"
                r"(?:\.\d{1,3}){3})?(?:%\w{1,12})?(?:/\d{1,3})?(?![\w:])",
                score=0.8,
                marks=(":",),
                check=_is_ip,
            ),
        ],
        name="IpAddressRecognizer",
    )


def macs() -> RuleRecognizer:
    """Hardware addresses of six or eight bytes, and the dotted form of three groups."""
    pair = "[0-9A-Fa-f]{2}"
    return RuleRecognizer(
        "MAC_ADDRESS",
        [
            Rule(
                pattern=rf"(?<![\w:-]){pair}([:-]){pair}(?:\1{pair}){{4}}(?:(?:\1{pair}){{2}})?(?![\w]"
                rf"|[:-]\w)",
                score=0.9,
                digits=1,
                before=24,
                after=24,
            ),
            Rule(
                pattern=r"(?<![\w.])(?=[0-9A-Fa-f.]{0,13}?[A-Fa-f])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-F"
                r"a-f]{4}(?![\w]|\.\w)",
                score=0.7,
                digits=1,
                before=14,
                after=14,
            ),
        ],
        name="MacAddressRecognizer",
    )


RECOGNIZERS = {"IP_ADDRESS": ips, "MAC_ADDRESS": macs}
