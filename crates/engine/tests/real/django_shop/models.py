"""What the shop sells, and to whom."""

import uuid

from django.db import models
from django.db.models import Q


class Named(models.Model):
    name = models.CharField(max_length=80)

    class Meta:
        abstract = True


class Tag(Named):
    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="tag_once")]


class Customer(Named):
    reference = models.UUIDField(default=uuid.uuid4, unique=True)
    born = models.DateField(null=True)
    photo = models.BinaryField(null=True)
    data = models.JSONField(default=dict)
    tags = models.ManyToManyField(Tag)
    recommended_by = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)
    active = models.BooleanField(default=True)
    website = models.URLField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["name", "-born"], name="by_name"),
            models.Index(fields=["born"], name="by_born", condition=Q(active=True)),
        ]


class Order(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    placed = models.DateTimeField(null=True)
    at = models.TimeField()
    total = models.DecimalField(max_digits=12, decimal_places=2)
    weight = models.FloatField()
    took = models.DurationField(null=True)
    number = models.PositiveSmallIntegerField()
    note = models.TextField()

    class Meta:
        unique_together = [("customer", "number")]


class OrderItem(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE)
    line = models.SmallIntegerField()
    price = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "line"], name="line_once"),
            models.CheckConstraint(check=Q(price__gte=0), name="price_not_negative"),
        ]


class Setting(models.Model):
    key = models.CharField(max_length=40, primary_key=True)
    value = models.GenericIPAddressField(null=True)
