"""Fills a database of Django's own applications and the shop with a few thousand rows."""

import datetime
import decimal
import sys
import uuid

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.flatpages",
        "django.contrib.messages",
        "django.contrib.redirects",
        "django.contrib.sessions",
        "django.contrib.sites",
        "shop",
    ],
    SECRET_KEY="not a secret",
    SITE_ID=1,
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from shop.models import Customer, Order, OrderItem, Setting, Tag  # noqa: E402


def moment(i):
    micros = (i * 1009) % 1000000 if i % 5 else 0
    return datetime.datetime(2026, 1 + i % 12, 1 + i % 28, i % 24, i % 60, i % 60, micros, datetime.timezone.utc)


def main():
    call_command("migrate", run_syncdb=True, verbosity=0)
    words = ["naïve", "☃ snow", "Ωmega", "O'Brien", "", "日本語", "emoji 🎉", "tab\there", "line\nbreak", 'quo"te']
    utc = datetime.timezone.utc
    User.objects.create_superuser("ada", "ada@example.com", "password")
    for i in range(50):
        User.objects.create(username=f"user{i}", first_name=words[i % 10])
        expires = datetime.datetime(2026, 1, 1 + i % 28, i % 24, tzinfo=utc)
        Session.objects.create(session_key=f"key{i}", session_data="e30" * i, expire_date=expires)
    Tag.objects.bulk_create(Tag(name=f"{words[i % 10]} {i}") for i in range(40))
    Customer.objects.bulk_create(
        Customer(
            name=f"{words[i % 10]} {i}",
            reference=uuid.UUID(int=i * 7919),
            born=None if i % 7 == 0 else datetime.date(1 + i, 1 + i % 12, 1 + i % 28),
            photo=None if i % 3 else bytes(range(i % 256)),
            data={"i": i, "words": words[: i % 10], "deep": {"null": None, "float": i / 7}},
            active=i % 2 == 0,
        )
        for i in range(1, 1501)
    )
    customers = list(Customer.objects.order_by("id"))
    for i, customer in enumerate(customers[1:200], 1):
        customer.recommended_by = customers[i // 2]
        customer.save()
        customer.tags.set(range(1, 1 + i % 6))
    Order.objects.bulk_create(
        Order(
            customer=customers[i % 1500],
            placed=moment(i),
            at=datetime.time(i % 24, i % 60, i % 60, i % 3),
            total=decimal.Decimal(i) / 100,
            weight=i / 3,
            took=datetime.timedelta(seconds=i * 1.5),
            number=i // 1500,
            note=words[i % 10] * (i % 30),
        )
        for i in range(3000)
    )
    orders = list(Order.objects.order_by("id"))
    OrderItem.objects.bulk_create(
        OrderItem(order=orders[i % 3000], line=i // 3000, price=decimal.Decimal(i * 1237) / 1000000) for i in range(5000)
    )
    Setting.objects.bulk_create(Setting(key=f"{w}!", value="::1" if i % 2 else None) for i, w in enumerate(words))


if __name__ == "__main__":
    sys.exit(main())
