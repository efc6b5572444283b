"""A Django project of one file: migrates its database, makes and queries a few rows, prints what it sees. Arguments: port, family."""

import io
import sys
import types

import django
import pymysql
from django.conf import settings

port = int(sys.argv[1])
# Django asks for a newer mysqlclient than PyMySQL pretends to be.
pymysql.version_info = (2, 2, 7, "final", 0)
pymysql.install_as_MySQLdb()

with pymysql.connect(host="127.0.0.1", port=port, user="app", password="apppw") as connection:
    connection.cursor().execute("DROP DATABASE IF EXISTS plain_django")
    connection.cursor().execute("CREATE DATABASE plain_django CHARACTER SET utf8mb4")

database = {
    "ENGINE": "django.db.backends.mysql",
    "NAME": "plain_django",
    "USER": "app",
    "PASSWORD": "apppw",
    "HOST": "127.0.0.1",
    "PORT": str(port),
    "OPTIONS": {"charset": "utf8mb4"},
}
settings.configure(
    DATABASES={"default": database},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "django.contrib.admin", "django.contrib.messages"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    SECRET_KEY="only for this test",
)
django.setup()

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Count, F, Sum

out = io.StringIO()
call_command("migrate", stdout=out, verbosity=1, no_color=True)
print(out.getvalue())
out = io.StringIO()
call_command("showmigrations", stdout=out, no_color=True)
print(out.getvalue())


class Item(models.Model):
    name = models.CharField(max_length=40, unique=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    extra = models.JSONField(default=dict)
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE)

    class Meta:
        app_label = "auth"


with connection.schema_editor() as editor:
    editor.create_model(Item)
print(sorted(connection.introspection.table_names()))
tea = Item.objects.create(name="tea", price="3.50", extra={"k": [1, None, "ü"]})
Item.objects.bulk_create([Item(name=f"n{n}", price=n, parent=tea) for n in range(20)])
print(tea.pk, Item.objects.count(), Item.objects.aggregate(Sum("price")))
print(list(Item.objects.filter(extra__k__0=1).values_list("name", "extra")))
print(Item.objects.filter(price__gt=5).update(price=F("price") + 1))
print(Item.objects.get_or_create(name="tea", defaults={"price": 1})[1], Item.objects.update_or_create(name="rice", defaults={"price": 2})[1])
try:
    with transaction.atomic():
        Item.objects.create(name="lost", price=1)
        Item.objects.create(name="tea", price=1)
except IntegrityError as error:
    print(error.args)
with transaction.atomic():
    Item.objects.select_for_update().get(name="tea")
    try:
        with transaction.atomic():
            Item.objects.create(name="inner", price=1)
            raise ValueError
    except ValueError:
        pass
    Item.objects.create(name="outer", price=1)
print(sorted(Item.objects.exclude(name__startswith="n").values_list("name", flat=True)))
user = User.objects.create_user("ann", "ann@example.com", "pw")
user.groups.add(Group.objects.create(name="staff"))
print(user.check_password("pw"), list(Group.objects.annotate(n=Count("user")).values_list("name", "n")))
print(tea.delete())
with connection.schema_editor() as editor:
    editor.delete_model(Item)
connection.close()
