"""Values side by side: tables, records, lists and lines, with whatever stands between and around them.

What stands between two values says whether they are one or two, and what they are called says what they are.
A template shows one such neighbourhood; here they are put together anew each time.
"""

from collections.abc import Iterator
from random import Random

from benchmarks.pii.fields import Piece, Pieces, Scene
from benchmarks.pii.scores import Span

_KEYS = {
    "full": "name full_name fullName customer customer_name client patient driver employee guest contact"
    " owner author holder passenger recipient sender buyer seller tenant manager signed_by approved_by agent"
    " nurse teacher student next_of_kin display_name Nombre Nom Naam Kunde Ansprechpartner Titolare Imię",
    "last_first": "name customer student patient employee Name Surname_Name passenger",
    "first": "first first_name firstName given_name forename fname Vorname Prénom Nombre Voornaam Nome",
    "last": "last last_name lastName surname family_name lname Nachname Apellido Cognome Achternaam Nazwisko",
    "initial": "name doctor reviewer signed author editor clerk cashier server",
    "username": "user username userName login handle screen_name nick nickname uid user_id created_by author"
    " assignee owner gamertag player account_name Benutzer utilisateur usuario utente modified_by",
    "city": "city town location place origin destination from to branch depot stop venue birthplace Ort Stadt"
    " ville ciudad città plaats pickup dropoff departure arrival region",
    "country": "country nationality country_of_birth Land pays país paese origin destination",
    "postcode": "zip postcode postal_code zip_code PLZ CP CAP",
    "street": "street address address1 line1 Straße rue calle via",
    "account": "account acct account_no accountNumber customer_no customerId member member_no membership_id"
    " client_id policy policy_no patient_no mrn employee_no staff_no loyalty student_id payee subscriber"
    " Kundennummer Mitgliedsnr. n°_client cliente_n. cust badge chart_no insured_id contract beneficiary",
    "receipt": "order order_no orderId invoice invoice_no receipt booking ref reference ticket case tracking"
    " confirmation po rechnung bestellung facture pedido ordine transaction claim_no shipment pnr",
    "plate": "plate reg registration vehicle car number_plate licence_plate vehicle_reg Kennzeichen immat"
    " targa matrícula kenteken cab van truck tag",
    "dob": "dob born birth_date date_of_birth birthday birthDate geb. né_le geboren nacido",
    "phone": "phone tel mobile cell contact_no telefon",
    "email": "email mail e-mail contact",
    "passport": "passport passport_no document travel_doc Reisepass",
    "licence": "licence licence_no driver_license dl_no Führerschein",
    "ip": "ip client_ip remote_addr host",
}
_PLAIN_KEYS = {
    "n": "qty count bay floor line gate items pax seats",
    "nn": "age score pct room points",
    "nnnn": "id seq km code year units",
    "price": "price total amount fare due balance net tip",
    "isodate": "date due_date created updated since shipped paid",
    "time": "time start end slot check_in at",
    "product": "product item model article description",
    "company": "company firm supplier merchant shop vendor brand",
    "item": "item article what",
    "sku": "sku part part_no item_code article_no",
    "version": "version app build firmware release",
    "hex": "hash commit session token trace",
    "service": "service reason subject job task",
}
_STATUS = "ok paid open done yes no n/a - active new pending true false M F EUR A B late closed"
_CUES = (
    "cc: to: from with by for re attn w/ via contact ask tell called met saw thanks between present: team:"
    " and or vs @ # * - 1. > new old note: left now also see update: not was mit von avec pour con para per"
    " van med z i y und et och en"
)
_AFTER = (
    "called rang left paid late ok done again today please now (see_above) thx has_left signed is_here only"
    " ! ? . tomorrow at_the_desk fehlt wartet est_là ha_llamado arriva belde kommer dzwoni too etc."
)
_NAMES = ("full", "full", "first", "lower_first", "lower", "last", "initial", "last_first", "caps", "titled")
_WORDS = ("and", "or", "vs", "to", "with", "told", "asked", "cc", "und", "et", "y", "e", "og", "i")
_SIGNS = (
    ", ",
    "; ",
    " / ",
    "/",
    " & ",
    " + ",
    "\n",
    "\n- ",
    "\n* ",
    " | ",
    " -> ",
    " (",
    "), ",
    " - ",
    ",",
    "\t",
)
_ALIKE = (*_SIGNS, *(f" {word} " for word in _WORDS))
_UNLIKE = (" ", " ", " ", ", ", " - ", " (", ": ", " / ", ",", ";", "\t", "\n", " | ", " @ ", " <", " [")
_CLOSED = {" (": ")", " <": ">", " [": "]"}
_RECORDS = {
    ": ": ("\n", ", ", " ", " | ", "; "),
    "=": (" ", "&", "\n"),
    " ": (", ",),
    "\t": ("\n",),
    " - ": ("\n",),
    '="': ('" ',),
    '": "': ('", "',),
}
"""What stands between a key and its value, and what between two of them."""


def row(scene: Scene) -> tuple[str, list[Span]]:
    """One table, record, list or line, and what is personal in it."""
    text, spans = "", []
    for value, kind in scene.rng.choice((_table, _record, _list, _line))(scene):
        if kind:
            spans.append(Span(len(text), len(text) + len(value), kind))
        text += value
    return text, spans


def _table(scene: Scene) -> Iterator[Piece]:
    rng = scene.rng
    columns = _columns(rng, rng.randint(2, 6))
    by = rng.choice((",", ", ", ";", "\t", "|", " | ", "  ", ";", ","))
    quote = '"' if by in (",", ";") and rng.random() < 0.2 else ""
    if rng.random() < 0.6:
        yield Piece(by.join(_key(rng, column) for column in columns) + "\n")
    for line in range(1, rng.randint(1, 5) + 1):
        for number, column in enumerate(columns):
            yield Piece((by if number else "") + quote)
            yield from _value(scene, column, line)
            yield Piece(quote)
        yield Piece("\n")


def _record(scene: Scene) -> Iterator[Piece]:
    rng = scene.rng
    equals = rng.choice(list(_RECORDS))
    by = rng.choice(_RECORDS[equals])
    yield Piece('{"' if equals == '": "' else "")
    for number, column in enumerate(_columns(rng, rng.randint(1, 6))):
        yield Piece((by if number else "") + _key(rng, column) + equals)
        yield from _value(scene, column, 1)
    yield Piece('"}' if equals == '": "' else '"' if '"' in equals else "")


def _list(scene: Scene) -> Iterator[Piece]:
    """Values of one kind, nearly all of them names: what stands between them keeps them apart."""
    rng = scene.rng
    kind = rng.choice(("names", "names", "names", "city", "username", "mention", "plate", "account"))
    by = rng.choice(_ALIKE)
    alike = rng.choice(_NAMES)
    yield Piece(f"{rng.choice(_CUES.split())} " if rng.random() < 0.6 else "")
    for number in range(1, rng.randint(2, 5) + 1):
        yield Piece("" if number == 1 else by if rng.random() < 0.75 else rng.choice(_ALIKE))
        form = alike if rng.random() < 0.7 else rng.choice(_NAMES)
        yield from scene.field(f"{form if kind == 'names' else kind}{number}")
    yield Piece(")" if by == " (" else f" {_after(rng)}" if rng.random() < 0.5 else "")


def _line(scene: Scene) -> Iterator[Piece]:
    """Values of different kinds, words before, between and after them."""
    rng = scene.rng
    before = ""
    for column in _columns(rng, rng.randint(1, 3)):
        if before or rng.random() < 0.5:
            by = rng.choice(_UNLIKE) if before else ""
            cue = f"{rng.choice(_CUES.split())} " if rng.random() < 0.4 or column == before else ""
            yield Piece(by + cue)
        else:
            by = ""
        yield from _value(scene, column, 1)
        yield Piece(_CLOSED.get(by, ""))
        before = column
    yield Piece(f" {_after(rng)}" if rng.random() < 0.5 else "")


def _after(rng: Random) -> str:
    return rng.choice(_AFTER.split()).replace("_", " ")


def _columns(rng: Random, count: int) -> list[str]:
    """Different fields; beside a whole name, no part of one."""
    names = [*_KEYS] * 2 + ["full"] * 6 + [*_PLAIN_KEYS, "status"]
    chosen = list(dict.fromkeys(rng.choice(names) for _ in range(count)))
    whole = [one for one in chosen if one in ("full", "last_first", "initial")]
    return [one for one in chosen if one not in (["first", "last"] if whole else []) and one not in whole[1:]]


def _key(rng: Random, column: str) -> str:
    known = _KEYS.get(column) or _PLAIN_KEYS.get(column, "status state flag type")
    key = rng.choice(known.split())
    roll = rng.random()
    if roll < 0.3:
        return key.replace("_", " ")
    if roll < 0.5:
        return key.replace("_", " ").title()
    return key.upper() if roll < 0.6 else key


def _value(scene: Scene, column: str, person: int) -> Pieces:
    if column in _KEYS:
        return scene.field(f"{column}{person}")
    return [Piece(scene.rng.choice(_STATUS.split()))] if column == "status" else scene.field(column)
