"""Logs in at Meridian in every way PyMySQL knows, rightly and wrongly. Arguments: port, family."""

import ssl
import sys

import pymysql

port = int(sys.argv[1])
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def refused(errno, **options):
    try:
        pymysql.connect(host="127.0.0.1", port=port, **options)
    except pymysql.err.OperationalError as error:
        assert error.args[0] == errno, error
        return error.args[1]
    raise AssertionError(f"not refused: {options}")


for user, password in [("app", "apppw"), ("native", "nativepw")]:
    for tls in [None, context]:
        # The first login and a later one: caching_sha2_password knows two ways.
        for _ in range(2):
            connection = pymysql.connect(host="127.0.0.1", port=port, user=user, password=password, database="plain", ssl=tls)
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                assert cursor.fetchone() == (1,)
            connection.close()
        text = refused(1045, user=user, password="wrong", database="plain", ssl=tls)
        assert text.startswith(f"Access denied for user '{user}'@"), text
        text = refused(1045, user=user, password="", database="plain", ssl=tls)
        assert "using password: NO" in text, text
        text = refused(1049, user=user, password=password, database="plain_nowhere", ssl=tls)
        assert text == "Unknown database 'plain_nowhere'", text
    assert refused(1045, user="nobody", password="x")
print("all logins as expected")
