-- Which texts are certain, and which are one key, by the type and collation of the key column.
-- snapshot: typed

-- case: _bin compared: lower case
UPDATE by_bin SET other = 1 WHERE k = 'abc';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _bin compared: upper case
UPDATE by_bin SET other = 1 WHERE k = 'ABC';
--> SEND bj primary rule=owner key='ABC' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: _bin compared: trailing blanks
UPDATE by_bin SET other = 1 WHERE k = 'abc  ';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _bin compared: a leading blank
UPDATE by_bin SET other = 1 WHERE k = ' abc';
--> SEND hz primary rule=owner key=' abc' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: _bin compared: an accent
UPDATE by_bin SET other = 1 WHERE k = 'été';
--> SEND bj primary rule=owner key='été' shard=9 scopes=shard:main:9 transaction=autocommit

-- case: _bin compared: a tab
UPDATE by_bin SET other = 1 WHERE k = 'a	b';
--> SEND bj primary rule=owner key='a\tb' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: _bin compared: an escape
UPDATE by_bin SET other = 1 WHERE k = 'a\tb';
--> SEND bj primary rule=owner key='a\tb' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: _bin compared: a doubled quote
UPDATE by_bin SET other = 1 WHERE k = 'a''b';
--> SEND hz primary rule=owner key='a\'b' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _bin compared: double quotes
UPDATE by_bin SET other = 1 WHERE k = "abc";
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _bin compared: empty
UPDATE by_bin SET other = 1 WHERE k = '';
--> SEND bj primary rule=owner key='' shard=7 scopes=shard:main:7 transaction=autocommit

-- case: _bin compared: only blanks
UPDATE by_bin SET other = 1 WHERE k = '  ';
--> SEND bj primary rule=owner key='' shard=7 scopes=shard:main:7 transaction=autocommit

-- case: _bin compared: a number
UPDATE by_bin SET other = 1 WHERE k = 12;
--> REJECT 1105 HY000 a write of sharded table 'by_bin' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: _bin compared: too long
UPDATE by_bin SET other = 1 WHERE k = '123456789';
--> SEND bj primary rule=owner key='123456789' shard=8 scopes=shard:main:8 transaction=autocommit

-- case: _bin compared: as long as it may be
UPDATE by_bin SET other = 1 WHERE k = '12345678';
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: _bin compared: adjacent
UPDATE by_bin SET other = 1 WHERE k = 'ab' 'c';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _bin compared: NULL
UPDATE by_bin SET other = 1 WHERE k = NULL;
--> REJECT 1105 HY000 a write of sharded table 'by_bin' has NULL in its routing key 'k', and NULL has no owner; give a value

-- case: _bin stored: lower case
INSERT INTO by_bin (k, other) VALUES ('abc', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _bin stored: upper case
INSERT INTO by_bin (k, other) VALUES ('ABC', 1);
--> SEND bj primary rule=owner key='ABC' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: _bin stored: trailing blanks
INSERT INTO by_bin (k, other) VALUES ('abc  ', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _bin stored: a leading blank
INSERT INTO by_bin (k, other) VALUES (' abc', 1);
--> SEND hz primary rule=owner key=' abc' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: _bin stored: an accent
INSERT INTO by_bin (k, other) VALUES ('été', 1);
--> SEND bj primary rule=owner key='été' shard=9 scopes=shard:main:9 transaction=autocommit

-- case: _bin stored: a number
INSERT INTO by_bin (k, other) VALUES (12, 1);
--> SEND bj primary rule=owner key='12' shard=8 scopes=shard:main:8 transaction=autocommit

-- case: _bin stored: too long
INSERT INTO by_bin (k, other) VALUES ('123456789', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_bin' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: _bin stored: as long as it may be
INSERT INTO by_bin (k, other) VALUES ('12345678', 1);
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: _ci compared: lower case
UPDATE by_ci SET other = 1 WHERE k = 'abc';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _ci compared: upper case
UPDATE by_ci SET other = 1 WHERE k = 'ABC';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _ci compared: trailing blanks
UPDATE by_ci SET other = 1 WHERE k = 'abc  ';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _ci compared: a leading blank
UPDATE by_ci SET other = 1 WHERE k = ' abc';
--> SEND hz primary rule=owner key=' abc' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: _ci compared: an accent
UPDATE by_ci SET other = 1 WHERE k = 'été';
--> REJECT 1105 HY000 a write of sharded table 'by_ci' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: _ci compared: a tab
UPDATE by_ci SET other = 1 WHERE k = 'a	b';
--> REJECT 1105 HY000 a write of sharded table 'by_ci' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: _ci compared: an escape
UPDATE by_ci SET other = 1 WHERE k = 'a\tb';
--> REJECT 1105 HY000 a write of sharded table 'by_ci' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: _ci compared: a doubled quote
UPDATE by_ci SET other = 1 WHERE k = 'a''b';
--> SEND hz primary rule=owner key='a\'b' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _ci compared: double quotes
UPDATE by_ci SET other = 1 WHERE k = "abc";
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _ci compared: empty
UPDATE by_ci SET other = 1 WHERE k = '';
--> SEND bj primary rule=owner key='' shard=7 scopes=shard:main:7 transaction=autocommit

-- case: _ci compared: only blanks
UPDATE by_ci SET other = 1 WHERE k = '  ';
--> SEND bj primary rule=owner key='' shard=7 scopes=shard:main:7 transaction=autocommit

-- case: _ci compared: a number
UPDATE by_ci SET other = 1 WHERE k = 12;
--> REJECT 1105 HY000 a write of sharded table 'by_ci' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: _ci compared: too long
UPDATE by_ci SET other = 1 WHERE k = '123456789';
--> SEND bj primary rule=owner key='123456789' shard=8 scopes=shard:main:8 transaction=autocommit

-- case: _ci compared: as long as it may be
UPDATE by_ci SET other = 1 WHERE k = '12345678';
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: _ci compared: adjacent
UPDATE by_ci SET other = 1 WHERE k = 'ab' 'c';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _ci compared: NULL
UPDATE by_ci SET other = 1 WHERE k = NULL;
--> REJECT 1105 HY000 a write of sharded table 'by_ci' has NULL in its routing key 'k', and NULL has no owner; give a value

-- case: _ci stored: lower case
INSERT INTO by_ci (k, other) VALUES ('abc', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _ci stored: upper case
INSERT INTO by_ci (k, other) VALUES ('ABC', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _ci stored: trailing blanks
INSERT INTO by_ci (k, other) VALUES ('abc  ', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: _ci stored: a leading blank
INSERT INTO by_ci (k, other) VALUES (' abc', 1);
--> SEND hz primary rule=owner key=' abc' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: _ci stored: an accent
INSERT INTO by_ci (k, other) VALUES ('été', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_ci' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: _ci stored: a number
INSERT INTO by_ci (k, other) VALUES (12, 1);
--> SEND bj primary rule=owner key='12' shard=8 scopes=shard:main:8 transaction=autocommit

-- case: _ci stored: too long
INSERT INTO by_ci (k, other) VALUES ('123456789', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_ci' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: _ci stored: as long as it may be
INSERT INTO by_ci (k, other) VALUES ('12345678', 1);
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: CHAR compared: lower case
UPDATE by_char SET other = 1 WHERE k = 'abc';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: CHAR compared: upper case
UPDATE by_char SET other = 1 WHERE k = 'ABC';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: CHAR compared: trailing blanks
UPDATE by_char SET other = 1 WHERE k = 'abc  ';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: CHAR compared: an accent
UPDATE by_char SET other = 1 WHERE k = 'été';
--> REJECT 1105 HY000 a write of sharded table 'by_char' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: CHAR compared: a tab
UPDATE by_char SET other = 1 WHERE k = 'a	b';
--> REJECT 1105 HY000 a write of sharded table 'by_char' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: CHAR compared: an escape
UPDATE by_char SET other = 1 WHERE k = 'a\tb';
--> REJECT 1105 HY000 a write of sharded table 'by_char' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: CHAR compared: a doubled quote
UPDATE by_char SET other = 1 WHERE k = 'a''b';
--> SEND hz primary rule=owner key='a\'b' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: CHAR compared: only blanks
UPDATE by_char SET other = 1 WHERE k = '  ';
--> SEND bj primary rule=owner key='' shard=7 scopes=shard:main:7 transaction=autocommit

-- case: CHAR compared: a number
UPDATE by_char SET other = 1 WHERE k = 12;
--> REJECT 1105 HY000 a write of sharded table 'by_char' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: CHAR compared: too long
UPDATE by_char SET other = 1 WHERE k = '123456789';
--> SEND bj primary rule=owner key='123456789' shard=8 scopes=shard:main:8 transaction=autocommit

-- case: CHAR compared: as long as it may be
UPDATE by_char SET other = 1 WHERE k = '12345678';
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: CHAR stored: lower case
INSERT INTO by_char (k, other) VALUES ('abc', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: CHAR stored: upper case
INSERT INTO by_char (k, other) VALUES ('ABC', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: CHAR stored: trailing blanks
INSERT INTO by_char (k, other) VALUES ('abc  ', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: CHAR stored: a leading blank
INSERT INTO by_char (k, other) VALUES (' abc', 1);
--> SEND hz primary rule=owner key=' abc' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: CHAR stored: an accent
INSERT INTO by_char (k, other) VALUES ('été', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_char' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: CHAR stored: a number
INSERT INTO by_char (k, other) VALUES (12, 1);
--> SEND bj primary rule=owner key='12' shard=8 scopes=shard:main:8 transaction=autocommit

-- case: CHAR stored: too long
INSERT INTO by_char (k, other) VALUES ('123456789', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_char' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: CHAR stored: as long as it may be
INSERT INTO by_char (k, other) VALUES ('12345678', 1);
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: latin1 compared: lower case
UPDATE by_latin SET other = 1 WHERE k = 'abc';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: latin1 compared: upper case
UPDATE by_latin SET other = 1 WHERE k = 'ABC';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: latin1 compared: trailing blanks
UPDATE by_latin SET other = 1 WHERE k = 'abc  ';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: latin1 compared: an accent
UPDATE by_latin SET other = 1 WHERE k = 'été';
--> REJECT 1105 HY000 a write of sharded table 'by_latin' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: latin1 compared: a tab
UPDATE by_latin SET other = 1 WHERE k = 'a	b';
--> REJECT 1105 HY000 a write of sharded table 'by_latin' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: latin1 compared: an escape
UPDATE by_latin SET other = 1 WHERE k = 'a\tb';
--> REJECT 1105 HY000 a write of sharded table 'by_latin' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: latin1 compared: a doubled quote
UPDATE by_latin SET other = 1 WHERE k = 'a''b';
--> SEND hz primary rule=owner key='a\'b' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: latin1 compared: only blanks
UPDATE by_latin SET other = 1 WHERE k = '  ';
--> SEND bj primary rule=owner key='' shard=7 scopes=shard:main:7 transaction=autocommit

-- case: latin1 compared: a number
UPDATE by_latin SET other = 1 WHERE k = 12;
--> REJECT 1105 HY000 a write of sharded table 'by_latin' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: latin1 compared: too long
UPDATE by_latin SET other = 1 WHERE k = '123456789';
--> SEND bj primary rule=owner key='123456789' shard=8 scopes=shard:main:8 transaction=autocommit

-- case: latin1 compared: as long as it may be
UPDATE by_latin SET other = 1 WHERE k = '12345678';
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: latin1 stored: lower case
INSERT INTO by_latin (k, other) VALUES ('abc', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: latin1 stored: upper case
INSERT INTO by_latin (k, other) VALUES ('ABC', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: latin1 stored: trailing blanks
INSERT INTO by_latin (k, other) VALUES ('abc  ', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: latin1 stored: a leading blank
INSERT INTO by_latin (k, other) VALUES (' abc', 1);
--> SEND hz primary rule=owner key=' abc' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: latin1 stored: an accent
INSERT INTO by_latin (k, other) VALUES ('été', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_latin' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: latin1 stored: a number
INSERT INTO by_latin (k, other) VALUES (12, 1);
--> SEND bj primary rule=owner key='12' shard=8 scopes=shard:main:8 transaction=autocommit

-- case: latin1 stored: too long
INSERT INTO by_latin (k, other) VALUES ('123456789', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_latin' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: latin1 stored: as long as it may be
INSERT INTO by_latin (k, other) VALUES ('12345678', 1);
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: bytes compared: lower case
UPDATE by_bytes SET other = 1 WHERE k = 'abc';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: bytes compared: upper case
UPDATE by_bytes SET other = 1 WHERE k = 'ABC';
--> SEND bj primary rule=owner key='ABC' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: bytes compared: trailing blanks
UPDATE by_bytes SET other = 1 WHERE k = 'abc  ';
--> SEND hz primary rule=owner key='abc  ' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: bytes compared: a leading blank
UPDATE by_bytes SET other = 1 WHERE k = ' abc';
--> SEND hz primary rule=owner key=' abc' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: bytes compared: an accent
UPDATE by_bytes SET other = 1 WHERE k = 'été';
--> SEND bj primary rule=owner key='été' shard=9 scopes=shard:main:9 transaction=autocommit

-- case: bytes compared: a tab
UPDATE by_bytes SET other = 1 WHERE k = 'a	b';
--> SEND bj primary rule=owner key='a\tb' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: bytes compared: an escape
UPDATE by_bytes SET other = 1 WHERE k = 'a\tb';
--> SEND bj primary rule=owner key='a\tb' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: bytes compared: a doubled quote
UPDATE by_bytes SET other = 1 WHERE k = 'a''b';
--> SEND hz primary rule=owner key='a\'b' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: bytes compared: double quotes
UPDATE by_bytes SET other = 1 WHERE k = "abc";
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: bytes compared: empty
UPDATE by_bytes SET other = 1 WHERE k = '';
--> SEND bj primary rule=owner key='' shard=7 scopes=shard:main:7 transaction=autocommit

-- case: bytes compared: only blanks
UPDATE by_bytes SET other = 1 WHERE k = '  ';
--> SEND bj primary rule=owner key='  ' shard=7 scopes=shard:main:7 transaction=autocommit

-- case: bytes compared: a number
UPDATE by_bytes SET other = 1 WHERE k = 12;
--> REJECT 1105 HY000 a write of sharded table 'by_bytes' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: bytes compared: too long
UPDATE by_bytes SET other = 1 WHERE k = '123456789';
--> REJECT 1105 HY000 a write of sharded table 'by_bytes' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: bytes compared: as long as it may be
UPDATE by_bytes SET other = 1 WHERE k = '12345678';
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: bytes compared: adjacent
UPDATE by_bytes SET other = 1 WHERE k = 'ab' 'c';
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: bytes compared: NULL
UPDATE by_bytes SET other = 1 WHERE k = NULL;
--> REJECT 1105 HY000 a write of sharded table 'by_bytes' has NULL in its routing key 'k', and NULL has no owner; give a value

-- case: bytes stored: lower case
INSERT INTO by_bytes (k, other) VALUES ('abc', 1);
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: bytes stored: upper case
INSERT INTO by_bytes (k, other) VALUES ('ABC', 1);
--> SEND bj primary rule=owner key='ABC' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: bytes stored: trailing blanks
INSERT INTO by_bytes (k, other) VALUES ('abc  ', 1);
--> SEND hz primary rule=owner key='abc  ' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: bytes stored: a leading blank
INSERT INTO by_bytes (k, other) VALUES (' abc', 1);
--> SEND hz primary rule=owner key=' abc' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: bytes stored: an accent
INSERT INTO by_bytes (k, other) VALUES ('été', 1);
--> SEND bj primary rule=owner key='été' shard=9 scopes=shard:main:9 transaction=autocommit

-- case: bytes stored: a number
INSERT INTO by_bytes (k, other) VALUES (12, 1);
--> REJECT 1105 HY000 a write of sharded table 'by_bytes' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: bytes stored: too long
INSERT INTO by_bytes (k, other) VALUES ('123456789', 1);
--> REJECT 1105 HY000 a write of sharded table 'by_bytes' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: bytes stored: as long as it may be
INSERT INTO by_bytes (k, other) VALUES ('12345678', 1);
--> SEND bj primary rule=owner key='12345678' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: BINARY(4): 'abcd'
DELETE FROM by_fixed WHERE k = 'abcd';
--> SEND bj primary rule=owner key='abcd' shard=7 scopes=shard:main:7 transaction=autocommit

-- case: BINARY(4): 'abc'
DELETE FROM by_fixed WHERE k = 'abc';
--> REJECT 1105 HY000 a write of sharded table 'by_fixed' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: BINARY(4): 'abcde'
DELETE FROM by_fixed WHERE k = 'abcde';
--> REJECT 1105 HY000 a write of sharded table 'by_fixed' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: DATE: '2024-02-29'
DELETE FROM by_date WHERE k = '2024-02-29';
--> SEND bj primary rule=owner key='2024-02-29' shard=6 scopes=shard:main:6 transaction=autocommit

-- case: DATE: '2023-02-29'
DELETE FROM by_date WHERE k = '2023-02-29';
--> REJECT 1105 HY000 a write of sharded table 'by_date' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: DATE: '20240229'
DELETE FROM by_date WHERE k = '20240229';
--> REJECT 1105 HY000 a write of sharded table 'by_date' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: DATE: 20240229
DELETE FROM by_date WHERE k = 20240229;
--> REJECT 1105 HY000 a write of sharded table 'by_date' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: DATE: '2024-2-29'
DELETE FROM by_date WHERE k = '2024-2-29';
--> REJECT 1105 HY000 a write of sharded table 'by_date' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: DATE: '2024-02-29 00:00:00'
DELETE FROM by_date WHERE k = '2024-02-29 00:00:00';
--> REJECT 1105 HY000 a write of sharded table 'by_date' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: DATE: DATE'2024-02-29'
DELETE FROM by_date WHERE k = DATE'2024-02-29';
--> REJECT 1105 HY000 a write of sharded table 'by_date' names no routing key; restrict 'k' to a value or give /*meridian: key=…*/

-- case: ENUM: 'a'
DELETE FROM by_enum WHERE k = 'a';
--> REJECT 1105 HY000 a write of sharded table 'by_enum' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: ENUM: 1
DELETE FROM by_enum WHERE k = 1;
--> REJECT 1105 HY000 a write of sharded table 'by_enum' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: a session that speaks latin1 gives no accents
-- charset: ascii-safe
UPDATE by_bin SET other = 1 WHERE k = 'é';
--> REJECT 1105 HY000 a write of sharded table 'by_bin' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: but ASCII
-- charset: ascii-safe
UPDATE by_bin SET other = 1 WHERE k = 'e';
--> SEND hz primary rule=owner key='e' shard=2 scopes=shard:main:2 transaction=autocommit

-- case: a hint in the folded form
/*meridian: key=abc*/ UPDATE by_ci SET other = 1 WHERE other = 2;
--> SEND hz primary rule=owner key='abc' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: a hint in another form
/*meridian: key=ABC*/ UPDATE by_ci SET other = 1 WHERE other = 2;
--> REJECT 1105 HY000 a write of sharded table 'by_ci' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: a hint in another form where bytes count
/*meridian: key=ABC*/ UPDATE by_bin SET other = 1 WHERE other = 2;
--> SEND bj primary rule=owner key='ABC' shard=5 scopes=shard:main:5 transaction=autocommit

-- case: a session's hint in another form
-- hint-session: key=ABC
UPDATE by_ci SET other = 1 WHERE other = 2;
--> REJECT 1105 HY000 a write of sharded table 'by_ci' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: a join over collations passes no key on
UPDATE by_ci a JOIN by_bin b ON a.k = b.k SET a.other = 1 WHERE b.k = 'abc';
--> REJECT 1105 HY000 a write of sharded table 'by_ci' names no routing key; restrict 'k' to a value or give /*meridian: key=…*/

-- case: a join over widths passes a key on
UPDATE by_int a JOIN by_big b ON a.k = b.k SET a.other = 1 WHERE b.k = 12;
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: a join over a double passes no key on
UPDATE by_int a JOIN by_double b ON a.k = b.k SET a.other = 1 WHERE b.k = 12;
--> REJECT 1105 HY000 a write of sharded table 'by_int' names no routing key; restrict 'k' to a value or give /*meridian: key=…*/

-- case: a selected key is stored within bounds
INSERT INTO by_tiny (k, other) SELECT k, 1 FROM by_big WHERE k = 12;
--> SEND hz primary rule=owner key=12 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: a selected key beyond them
INSERT INTO by_tiny (k, other) SELECT k, 1 FROM by_big WHERE k = 300;
--> REJECT 1105 HY000 a write of sharded table 'by_tiny' has a routing key in 'k' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/
