"""Price books: those that are shipped, and what is said of one that is wrong."""

from decimal import Decimal
from pathlib import Path

import pytest

from objectlens.metering.price_books import PriceBookError, load, read, shipped, text_of

GOOD = """
name = "mine"
[defaults]
currency = "EUR"
region = "own"
source = "our invoice 17"
date = 2026-11-28
[[price]]
item = "core"
amount = 0.012
unit = "core-hour"
[[price]]
item = "host"
host = "gpu-1"
amount = 2
unit = "hour"
vcpus = 16
gpus = 1
"""
TIERS = """
[[price]]
item = "compute"
amount = 0.1
unit = "GB-second"
up_to = 10
[[price]]
item = "compute"
amount = 0.05
unit = "GB-second"
"""


def test_every_figure_that_is_shipped_says_where_it_stands_and_since_when():
    for name in set(shipped()) - {"own-hardware"}:
        book = load(name)
        assert book.name == name
        for one in book.prices:
            assert one.amount > 0
            assert one.currency == "USD"
            assert one.source.startswith("https://")
            assert one.date.year >= 2021
            assert one.region == "us-east-1"


def test_the_books_that_the_article_needs_are_there():
    hosts = {one.host: one for one in load("aws-sagemaker").hosts}
    assert (hosts["ml.p2.xlarge"].amount, hosts["ml.p2.xlarge"].vcpus) == (Decimal("0.90"), 4)
    x86, arm = load("aws-lambda-x86"), load("aws-lambda-arm")
    assert [one.amount for one in x86.tiers] == [Decimal(text) for text in ("0.0000166667", "0.000015", "0.0000133334")]
    assert arm.tiers[0].amount == Decimal("0.0000133334")
    assert {one.each("requests") for one in (x86, arm)} == {Decimal("0.0000002")}


def test_a_book_of_ones_own():
    book = read(GOOD, "mine.toml")
    assert book == read(f"\ufeff{GOOD}", "mine.toml")
    assert (book.name, book.currency, book.metered) == ("mine", "EUR", True)
    assert book.price("core").each == Decimal("0.012")
    assert book.hosts[0].host == "gpu-1"
    assert book.each("requests") == 0


def test_the_book_of_the_documentation():
    page = (Path(__file__).resolve().parents[3] / "docs" / "costs.md").read_text()
    book = read(page.partition("```toml\n")[2].partition("```")[0], "docs/costs.md")
    assert (book.name, book.currency, book.hosts[0].vcpus) == ("our-cluster", "EUR", 32)


def test_amounts_are_never_floats():
    assert read(GOOD.replace("0.012", "0.1"), "x").price("core").amount * 3 == Decimal("0.3")


def test_the_book_for_own_hardware_asks_for_amounts_and_works_with_them():
    with pytest.raises(PriceBookError, match=r"price 1 \(core\): amount is missing.*--show own-hardware > own-hard"):
        load("own-hardware")
    filled = text_of("own-hardware").replace("# amount", "amount")
    assert read(filled, "own-hardware.toml").price("power").watts_per_core == 8


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("0.012", '"0.012"', r"price 1 \(core\): amount must be a number, such as 0.20, without quotes, not '0.012'"),
        ("0.012", "-1", r"price 1 \(core\): amount must be 0 or more, not -1"),
        ("0.012", "nan", r"price 1 \(core\): amount must be 0 or more"),
        ("amount = 2\n", "", r"price 2 \(gpu-1\): amount is missing: set it to a number"),
        ('"core-hour"', '"GB-second"', "core is priced by the core-hour, not by the 'GB-second'"),
        ('"core"', '"corr"', "item 'corr' is not one of compute, requests"),
        ('"EUR"', '"Euro"', "currency 'Euro' is not a code of ISO 4217"),
        ("vcpus = 16", "vcpus = 0", r"price 2 \(gpu-1\): vcpus must be a whole number from 1 on, not 0"),
        ("2026-11-28", '"yesterday"', "date must be the day when the source said so"),
        ('source = "our invoice 17"', "", r"price 1 \(core\): source is missing"),
        ("vcpus", "cpus", r"price 2 \(gpu-1\): there is no key 'cpus' here"),
        ('name = "mine"', "", "name is missing"),
        ('unit = "hour"', 'unit = "hour"\ncurrency = "USD"', "EUR and USD in one book: no currency is converted"),
        ('"gpu-1"', "1", "host must be a text, not 1"),
        ("[[price]]", "[[prices]]", "there is no key 'prices' here: the keys are defaults, name, price, title"),
        ("[defaults]", "[defaults", "not TOML"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(before, after, message):
    assert before in GOOD
    with pytest.raises(PriceBookError, match=rf"^mine.toml: .*{message}"):
        read(GOOD.replace(before, after), "mine.toml")


@pytest.mark.parametrize("amount", ["1e-400", "1e400", "0.0000000000000000001", "nan", "inf"])
def test_an_amount_is_one_that_sums_can_be_exact_with(amount):
    text = f'[[price]]\nitem = "requests"\nunit = "request"\namount = {amount}\nsource = "s"\ndate = 2026-11-28\n'
    with pytest.raises(PriceBookError, match=r"price 1 \(requests\): amount must be"):
        read(f'name = "n"\n[defaults]\ncurrency = "EUR"\nregion = "own"\n{text}', "n.toml")


def test_two_ways_to_price_computing_are_one_too_many():
    with pytest.raises(PriceBookError, match="compute and core both say what computing costs"):
        read(GOOD + TIERS, "x")


def test_tiers_must_join():
    lambda_like = GOOD.replace('item = "core"', 'item = "s3-get"').replace('"core-hour"', '"request"')
    assert [one.up_to for one in read(lambda_like + TIERS, "x").tiers] == [10, None]
    with pytest.raises(PriceBookError, match="exactly one, the last, is without up_to"):
        read(lambda_like + TIERS.replace("up_to = 10", ""), "x")


def test_two_prices_of_one_thing():
    with pytest.raises(PriceBookError, match="gpu-1 has 2 prices: leave one"):
        read(GOOD + GOOD[GOOD.rindex("[[price]]") :], "x")


def test_a_name_that_there_is_not(tmp_path):
    with pytest.raises(PriceBookError, match="no price book 'gcp': give a file, or one of aws-ec2, "):
        load("gcp")
    with pytest.raises(PriceBookError, match="cannot read the price book"):
        load(str(tmp_path / "none.toml"))
    (tmp_path / "mine.toml").write_text(GOOD)
    assert load(str(tmp_path / "mine.toml")).name == "mine"
