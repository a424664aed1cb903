"""What is never a name, a place or a number of somebody by itself, whatever a model says."""

import regex

_WORD = regex.compile(r"\w+")
_WORDS = """
january february march april may june july august september october november december
jan feb mar apr jun jul aug sep sept oct nov dec
monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
i me my you your he she it we us they them his her our their mine yours who whom what when where why how
a an the this that these those and or but if so as at by for from in of on to with without
yes no not ok okay hi hello hey dear thanks thank please sorry welcome regards sincerely cheers bye lol omg
customer client patient driver rider passenger guest member user agent team support service staff manager
doctor nurse officer president sir madam mr mrs ms dr prof mom mum dad baby guy guys dude bro man boy
girl friend friends people everyone everybody someone anyone nobody god
name email phone address account order invoice receipt number date total subtotal tax id
otp kyc ekyc isp dob ssn nino nhs vat atm pin cvv iban bic sms api url sql pdf csv json xml html http https
varchar eur usd gbp inr parent guest recipient insured editor landowner
"""
_NATIONALITIES = """
afghan albanian algerian american andorran angolan argentine argentinian armenian australian austrian
azerbaijani bahraini bangladeshi belarusian belgian bolivian bosnian brazilian british bulgarian burmese
cambodian cameroonian canadian chilean chinese colombian congolese croatian cuban cypriot czech danish dutch
ecuadorian egyptian emirati english eritrean estonian ethiopian fijian filipino finnish french gambian german
georgian ghanaian greek guatemalan haitian honduran hungarian icelandic indian indonesian iranian iraqi irish
israeli italian ivorian jamaican japanese jordanian kazakh kenyan korean kuwaiti kyrgyz laotian latvian
lebanese liberian libyan lithuanian luxembourgish macedonian malagasy malawian malaysian maltese mauritian
mexican moldovan mongolian moroccan mozambican namibian nepalese nepali nicaraguan nigerian norwegian omani
pakistani palestinian panamanian paraguayan peruvian polish portuguese qatari romanian russian rwandan
salvadoran saudi scottish senegalese serbian singaporean slovak slovenian somali spanish sudanese swedish
swiss syrian taiwanese tajik tanzanian thai tunisian turkish turkmen ugandan ukrainian uruguayan uzbek
venezuelan vietnamese welsh yemeni zambian zimbabwean african asian european
"""
_NEVER = frozenset(_WORDS.split())
_NO_PLACE = frozenset(_NATIONALITIES.split())
_WITH_DIGITS = frozenset({"ACCOUNT_NUMBER", "RECEIPT_NUMBER", "PASSPORT", "DRIVER_LICENSE", "NATIONAL_ID"})
_LOCATOR = regex.compile(r"[A-Z]{5,8}")


def is_none(entity_type: str, text: str) -> bool:
    """Whether it cannot be what a model takes it for: a name of months, pronouns, greetings, roles and words
    of forms alone, a place that is a nationality, a number that is too short."""
    if entity_type == "PHONE_NUMBER":
        return sum(map(str.isdigit, text)) < 4
    if entity_type in _WITH_DIGITS:
        return len(text) < 3 or not (any(map(str.isdigit, text)) or _LOCATOR.fullmatch(text))
    if entity_type in ("ADDRESS", "VEHICLE_PLATE"):
        return len(text) < 2
    words = _WORD.findall(text.lower())
    if entity_type == "LOCATION":
        return all(word in _NO_PLACE for word in words)
    if entity_type == "PERSON":
        return all(word in _NEVER or word in _NO_PLACE or word.isdigit() for word in words)
    return False
