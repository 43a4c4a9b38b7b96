"""The article's table, from the price books, and the arithmetic that it does not show.

"Reduce costs and complexity of ML preprocessing with Amazon S3 Object Lambda" (AWS Machine Learning Blog, 2022):
https://aws.amazon.com/blogs/machine-learning/reduce-costs-and-complexity-of-ml-preprocessing-with-amazon-s3-object-lambda/
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from objectlens.metering.costs.library import DEFAULT_HOST
from objectlens.metering.costs.money import divided
from objectlens.metering.price_books import Price, PriceBook, load

PRINTED = {"aws-lambda-x86": Decimal("0.061"), "aws-lambda-arm": Decimal("0.049")}
"""What the article prints for an hour of preprocessing by a function of 256 MB, in USD."""

BOOKS = tuple(PRINTED)
_HOUR = 3600
_REQUESTS = 5000
MB_OF_A_VCPU = 1769


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """What an hour of something costs: on Lambda with x86 and with Arm, and on the host; `arithmetic` says how."""

    what: str
    functions: tuple[Decimal, Decimal]
    host: Decimal | None
    arithmetic: str

    @property
    def saved(self) -> tuple[Decimal, Decimal] | None:
        """The share of the host's price that is saved, with x86 and with Arm."""
        if self.host is None:
            return None
        x86, arm = self.functions
        return 1 - divided(x86, self.host), 1 - divided(arm, self.host)


@dataclass(frozen=True, slots=True)
class Article:
    """The rows, the host they are compared with, the books, and what is to be said of them."""

    host: Price
    books: tuple[PriceBook, PriceBook]
    rows: tuple[ArticleRow, ...]
    conclusion: str


def article() -> Article:
    """Make the table from the shipped books."""
    x86, arm = (load(name) for name in BOOKS)
    host = next(one for one in load("aws-sagemaker").hosts if one.host == DEFAULT_HOST)
    rows = (
        ArticleRow(
            "printed in the article",
            (PRINTED["aws-lambda-x86"], PRINTED["aws-lambda-arm"]),
            host.each,
            "the whole host for an hour",
        ),
        *_rows(x86, arm, host),
    )
    return Article(host, (x86, arm), rows, _CONCLUSION)


_CONCLUSION = (
    "By the public prices a function of 256 MB that is busy for an hour costs a quarter of what the article prints. "
    "Its figures fit four such functions (or one of 1,024 MB) and some 5,000 requests. And an hour of the whole host "
    "is not an hour of the same work: a function of 256 MB has 256/1,769 of a processor, the host has four. For the "
    "same CPU time functions save about half of the host's price, not nine tenths; what a GPU that waits costs beyond "
    "that depends on the training."
)


def _rows(x86: PriceBook, arm: PriceBook, host: Price) -> tuple[ArticleRow, ...]:
    first, second = x86.tiers[0].amount, arm.tiers[0].amount

    def both(price_of: Callable[[Decimal], Decimal]) -> tuple[Decimal, Decimal]:
        return price_of(first), price_of(second)

    each = f"{first} (x86), {second} (Arm)"
    requests = x86.each("requests") * _REQUESTS
    return (
        ArticleRow(
            "one function of 256 MB, busy for an hour",
            both(lambda price: price / 4 * _HOUR),
            None,
            f"0.25 GB x 3,600 s x {each}",
        ),
        ArticleRow("one GB for an hour", both(lambda price: price * _HOUR), None, f"1 GB x 3,600 s x {each}"),
        ArticleRow(
            "one GB for an hour, and 5,000 requests",
            both(lambda price: price * _HOUR + requests),
            None,
            f"the same + 5,000 x {x86.price('requests')}",
        ),
        ArticleRow(
            "one GB for an hour, by the table for milliseconds",
            both(lambda price: _printed_for_a_millisecond(price) * 8 * _HOUR * 1000),
            None,
            "price of 128 MB for 1 ms, as AWS rounds it, x 8 x 3,600,000",
        ),
        ArticleRow(
            "one processor for an hour",
            both(lambda price: divided(price * MB_OF_A_VCPU * _HOUR, 1024)),
            divided(host.each, host.vcpus),
            f"1,769 MB have one vCPU on Lambda; {host.host}: {host} / {host.vcpus} vCPUs",
        ),
    )


def _printed_for_a_millisecond(price: Decimal) -> Decimal:
    """Return the price of 128 MB for a millisecond as the table of Lambda's page prints it, with ten places."""
    return divided(price, 8000).quantize(Decimal("1e-10"))
