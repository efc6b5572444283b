-- Which numbers are certain, by the type of the key column.
-- snapshot: typed

-- case: INT compared with a number
UPDATE by_int SET other = 1 WHERE k = 12;
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT compared with a sign
UPDATE by_int SET other = 1 WHERE k = +12;
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT compared with a negative
UPDATE by_int SET other = 1 WHERE k = -3;
--> SEND hz primary rule=owner key=-3 shard=3 scopes=shard:main:3 transaction=autocommit

-- case: INT compared with a string
UPDATE by_int SET other = 1 WHERE k = '12';
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT compared with leading zeros
UPDATE by_int SET other = 1 WHERE k = 0012;
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT compared with a string with blanks
UPDATE by_int SET other = 1 WHERE k = ' 12 ';
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT compared with a whole decimal
UPDATE by_int SET other = 1 WHERE k = 12.00;
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT compared with a whole exponent
UPDATE by_int SET other = 1 WHERE k = 1.2e1;
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT compared with a fraction
UPDATE by_int SET other = 1 WHERE k = 12.5;
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT compared with a string with a fraction
UPDATE by_int SET other = 1 WHERE k = '12.5';
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT compared with a string with letters
UPDATE by_int SET other = 1 WHERE k = '12a';
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT compared with an empty string
UPDATE by_int SET other = 1 WHERE k = '';
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT compared with hex
UPDATE by_int SET other = 1 WHERE k = 0x0C;
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT compared with bits
UPDATE by_int SET other = 1 WHERE k = b'1100';
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT compared with NULL
UPDATE by_int SET other = 1 WHERE k = NULL;
--> REJECT 1105 HY000 a write of sharded table 'by_int' has NULL in its routing key 'k', and NULL has no owner; give a value

-- case: INT compared with TRUE
UPDATE by_int SET other = 1 WHERE k = TRUE;
--> SEND hz primary rule=owner key=1 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: INT compared with a variable
UPDATE by_int SET other = 1 WHERE k = @v;
--> REJECT 1105 HY000 a write of sharded table 'by_int' names no routing key; restrict 'k' to a value or give /*meridian: key=…*/

-- case: INT compared with a function
UPDATE by_int SET other = 1 WHERE k = ABS(12);
--> REJECT 1105 HY000 a write of sharded table 'by_int' names no routing key; restrict 'k' to a value or give /*meridian: key=…*/

-- case: INT compared with arithmetic
UPDATE by_int SET other = 1 WHERE k = 11 + 1;
--> REJECT 1105 HY000 a write of sharded table 'by_int' names no routing key; restrict 'k' to a value or give /*meridian: key=…*/

-- case: INT compared with national text
UPDATE by_int SET other = 1 WHERE k = N'12';
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT compared with an introducer
UPDATE by_int SET other = 1 WHERE k = _utf8mb4'12';
--> REJECT 1105 HY000 a write of sharded table 'by_int' names no routing key; restrict 'k' to a value or give /*meridian: key=…*/

-- case: INT compared with adjacent strings
UPDATE by_int SET other = 1 WHERE k = '1' '2';
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT stored as a number
INSERT INTO by_int (k, other) VALUES (12, 1);
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT stored as a sign
INSERT INTO by_int (k, other) VALUES (+12, 1);
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT stored as a negative
INSERT INTO by_int (k, other) VALUES (-3, 1);
--> SEND hz primary rule=owner key=-3 shard=3 scopes=shard:main:3 transaction=autocommit

-- case: INT stored as a string
INSERT INTO by_int (k, other) VALUES ('12', 1);
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT stored as leading zeros
INSERT INTO by_int (k, other) VALUES (0012, 1);
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT stored as a string with blanks
INSERT INTO by_int (k, other) VALUES (' 12 ', 1);
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT stored as a whole decimal
INSERT INTO by_int (k, other) VALUES (12.00, 1);
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT stored as a whole exponent
INSERT INTO by_int (k, other) VALUES (1.2e1, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT stored as a fraction
INSERT INTO by_int (k, other) VALUES (12.5, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT stored as a string with a fraction
INSERT INTO by_int (k, other) VALUES ('12.5', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT stored as a string with letters
INSERT INTO by_int (k, other) VALUES ('12a', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT stored as an empty string
INSERT INTO by_int (k, other) VALUES ('', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT stored as hex
INSERT INTO by_int (k, other) VALUES (0x0C, 1);
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: INT stored as bits
INSERT INTO by_int (k, other) VALUES (b'1100', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: INT stored as NULL
INSERT INTO by_int (k, other) VALUES (NULL, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_int' has NULL in its routing key 'k', and NULL has no owner; give a value

-- case: INT stored as TRUE
INSERT INTO by_int (k, other) VALUES (TRUE, 1);
--> SEND hz primary rule=owner key=1 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: INT stored as a variable
INSERT INTO by_int (k, other) VALUES (@v, 1);
--> REJECT 1105 HY000 the routing key 'k' of sharded table 'by_int' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: by_tiny stores 127
INSERT INTO by_tiny (k, other) VALUES (127, 1);
--> SEND bj primary rule=owner key=127 shard=7 scopes=shard:main:7 transaction=autocommit

-- case: by_tiny compares with 127
DELETE FROM by_tiny WHERE k = 127;
--> SEND bj primary rule=owner key=127 shard=7 scopes=shard:main:7 transaction=autocommit

-- case: by_tiny stores 128
INSERT INTO by_tiny (k, other) VALUES (128, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_tiny' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_tiny compares with 128
DELETE FROM by_tiny WHERE k = 128;
--> SEND bj primary rule=owner key=128 shard=8 scopes=shard:main:8 transaction=autocommit

-- case: by_tiny stores -129
INSERT INTO by_tiny (k, other) VALUES (-129, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_tiny' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_tiny compares with -129
DELETE FROM by_tiny WHERE k = -129;
--> SEND bj primary rule=owner key=-129 shard=9 scopes=shard:main:9 transaction=autocommit

-- case: by_int stores 2147483647
INSERT INTO by_int (k, other) VALUES (2147483647, 1);
--> SEND bj primary rule=owner key=2147483647 shard=7 scopes=shard:main:7 transaction=autocommit

-- case: by_int compares with 2147483647
DELETE FROM by_int WHERE k = 2147483647;
--> SEND bj primary rule=owner key=2147483647 shard=7 scopes=shard:main:7 transaction=autocommit

-- case: by_int stores 2147483648
INSERT INTO by_int (k, other) VALUES (2147483648, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_int compares with 2147483648
DELETE FROM by_int WHERE k = 2147483648;
--> SEND bj primary rule=owner key=2147483648 shard=8 scopes=shard:main:8 transaction=autocommit

-- case: by_int stores -2147483649
INSERT INTO by_int (k, other) VALUES (-2147483649, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_int' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_int compares with -2147483649
DELETE FROM by_int WHERE k = -2147483649;
--> SEND bj primary rule=owner key=-2147483649 shard=9 scopes=shard:main:9 transaction=autocommit

-- case: by_big stores 9223372036854775807
INSERT INTO by_big (k, other) VALUES (9223372036854775807, 1);
--> SEND bj primary rule=owner key=9223372036854775807 shard=7 scopes=shard:main:7 transaction=autocommit

-- case: by_big compares with 9223372036854775807
DELETE FROM by_big WHERE k = 9223372036854775807;
--> SEND bj primary rule=owner key=9223372036854775807 shard=7 scopes=shard:main:7 transaction=autocommit

-- case: by_big stores 9223372036854775808
INSERT INTO by_big (k, other) VALUES (9223372036854775808, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_big' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_big compares with 9223372036854775808
DELETE FROM by_big WHERE k = 9223372036854775808;
--> SEND bj primary rule=owner key=9223372036854775808 shard=8 scopes=shard:main:8 transaction=autocommit

-- case: by_unsigned stores 18446744073709551615
INSERT INTO by_unsigned (k, other) VALUES (18446744073709551615, 1);
--> SEND bj primary rule=owner key=18446744073709551615 shard=5 scopes=shard:main:5 transaction=autocommit

-- case: by_unsigned compares with 18446744073709551615
DELETE FROM by_unsigned WHERE k = 18446744073709551615;
--> SEND bj primary rule=owner key=18446744073709551615 shard=5 scopes=shard:main:5 transaction=autocommit

-- case: by_unsigned stores 18446744073709551616
INSERT INTO by_unsigned (k, other) VALUES (18446744073709551616, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_unsigned' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_unsigned compares with 18446744073709551616
DELETE FROM by_unsigned WHERE k = 18446744073709551616;
--> REJECT 1105 HY000 a write of sharded table 'by_unsigned' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_unsigned stores -1
INSERT INTO by_unsigned (k, other) VALUES (-1, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_unsigned' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_unsigned compares with -1
DELETE FROM by_unsigned WHERE k = -1;
--> SEND hz primary rule=owner key=-1 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: by_decimal stores 9999999999
INSERT INTO by_decimal (k, other) VALUES (9999999999, 1);
--> SEND bj primary rule=owner key=9999999999 shard=9 scopes=shard:main:9 transaction=autocommit

-- case: by_decimal compares with 9999999999
DELETE FROM by_decimal WHERE k = 9999999999;
--> SEND bj primary rule=owner key=9999999999 shard=9 scopes=shard:main:9 transaction=autocommit

-- case: by_decimal stores 10000000000
INSERT INTO by_decimal (k, other) VALUES (10000000000, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_decimal' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_decimal compares with 10000000000
DELETE FROM by_decimal WHERE k = 10000000000;
--> SEND hz primary rule=owner key=10000000000 shard=0 scopes=shard:main:0 transaction=autocommit

-- case: by_double stores 9007199254740991
INSERT INTO by_double (k, other) VALUES (9007199254740991, 1);
--> SEND hz primary rule=owner key=9007199254740991 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: by_double compares with 9007199254740991
DELETE FROM by_double WHERE k = 9007199254740991;
--> SEND hz primary rule=owner key=9007199254740991 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: by_double stores 9007199254740993
INSERT INTO by_double (k, other) VALUES (9007199254740993, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_double' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_double compares with 9007199254740993
DELETE FROM by_double WHERE k = 9007199254740993;
--> REJECT 1105 HY000 a write of sharded table 'by_double' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_year stores 2024
INSERT INTO by_year (k, other) VALUES (2024, 1);
--> SEND hz primary rule=owner key=2024 shard=4 scopes=shard:main:4 transaction=autocommit

-- case: by_year compares with 2024
DELETE FROM by_year WHERE k = 2024;
--> SEND hz primary rule=owner key=2024 shard=4 scopes=shard:main:4 transaction=autocommit

-- case: by_year stores 24
INSERT INTO by_year (k, other) VALUES (24, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_year' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_year compares with 24
DELETE FROM by_year WHERE k = 24;
--> REJECT 1105 HY000 a write of sharded table 'by_year' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_year stores 1900
INSERT INTO by_year (k, other) VALUES (1900, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_year' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_year compares with 1900
DELETE FROM by_year WHERE k = 1900;
--> REJECT 1105 HY000 a write of sharded table 'by_year' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_year stores 2156
INSERT INTO by_year (k, other) VALUES (2156, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_year' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: by_year compares with 2156
DELETE FROM by_year WHERE k = 2156;
--> REJECT 1105 HY000 a write of sharded table 'by_year' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: doubles decide: '9007199254740991'
UPDATE by_big SET other = 1 WHERE k = '9007199254740991';
--> SEND hz primary rule=owner key=9007199254740991 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: doubles decide: '9007199254740992'
UPDATE by_big SET other = 1 WHERE k = '9007199254740992';
--> REJECT 1105 HY000 a write of sharded table 'by_big' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: doubles decide: 9007199254740993
UPDATE by_big SET other = 1 WHERE k = 9007199254740993;
--> SEND hz primary rule=owner key=9007199254740993 shard=3 scopes=shard:main:3 transaction=autocommit

-- case: doubles decide: 9007199254740993.0
UPDATE by_big SET other = 1 WHERE k = 9007199254740993.0;
--> REJECT 1105 HY000 a write of sharded table 'by_big' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/
