# DBD::mysql or DBD::MariaDB at work; the output must not depend on who answers. Arguments: port, family, driver.
use strict;
use warnings;
use DBI;

my ($port, $family, $driver) = @ARGV;
my $name = $driver =~ s/DBD:://r;
my $prefix = lc $name;
my $dsn = "DBI:$name:database=plain;host=127.0.0.1;port=$port;${prefix}_local_infile=1";
my %settings = (RaiseError => 1, PrintError => 0, AutoCommit => 1);
my $db = DBI->connect($dsn, 'app', 'apppw', \%settings);
my $table = "perl_$prefix";

sub shown {
    my $value = shift;
    return ref $value ? '[' . join(',', map { shown($_) } @$value) . ']' : defined $value ? $value : 'NULL';
}

sub attempt {
    my ($statement, @values) = @_;
    my $said = eval {
        my $handle = $db->prepare($statement);
        my $count = $handle->execute(@values);
        my $rows = $handle->{NUM_OF_FIELDS} ? $handle->fetchall_arrayref : 'no rows';
        my $names = $handle->{NUM_OF_FIELDS} ? shown($handle->{NAME}) . shown($handle->{TYPE}) : '';
        join ' ', $count, $names, $db->{"${prefix}_insertid"} // 0, $db->{"${prefix}_info"} // '', shown($rows);
    } // join(' ', $db->err, $db->state, $db->errstr);
    print substr($statement, 0, 70), " -> $said\n";
}

for my $prepared (0, 1) {
    $db->{"${prefix}_server_prepare"} = $prepared;
    print "server-side prepare: $prepared\n";
    $db->do("DROP TABLE IF EXISTS $table");
    attempt("CREATE TABLE $table (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, price DECIMAL(10,2), at DATETIME(3), body LONGBLOB, ratio DOUBLE)");
    attempt("INSERT INTO $table (name, price, at, ratio) VALUES (?, ?, ?, ?)", 'one', '12.34', '2024-02-29 01:02:03.004', 0.5);
    attempt("INSERT INTO $table (name, price, at, ratio) VALUES (?, ?, ?, ?)", 'none', undef, undef, undef);
    attempt("INSERT INTO $table (name) VALUES (?)", 'one');
    attempt("SELECT * FROM $table ORDER BY id");
    attempt("UPDATE $table SET price = price + 1");
    attempt("SELECT CAST('12abc' AS SIGNED)");
    attempt('SHOW WARNINGS');
    attempt('SELECT * FROM nowhere');
    attempt('SELEC');
    my $insert = $db->prepare("INSERT INTO $table (name, price, body) VALUES (?, ?, ?)");
    $insert->execute("n$_", $_, "bytes \x01'$_") for 1 .. 50;
    $insert->execute('long', 1, 'a' x 140_000);
    attempt("SELECT COUNT(*), SUM(price), MAX(LENGTH(body)) FROM $table");
    my $select = $db->prepare("SELECT id, name, price FROM $table WHERE name LIKE ? ORDER BY id");
    for my $pattern ('n1%', 'on%', 'zz%') {
        $select->execute($pattern);
        print "$pattern: ", shown($select->fetchall_arrayref), "\n";
    }
    attempt('SET @own = 41');
    attempt('SELECT @own + 1, @@autocommit, DATABASE()');
    attempt("SET SESSION time_zone = '+05:00', sql_mode = 'ANSI_QUOTES'");
    attempt('SELECT @@time_zone, "id" FROM ' . $table . ' ORDER BY id LIMIT 1');
    attempt("SET sql_mode = DEFAULT, time_zone = DEFAULT");
    attempt('SELECT ?', $_) for 5, 'abc', 2.5, undef;

    $db->begin_work;
    attempt("DELETE FROM $table WHERE name LIKE 'n2%'");
    attempt('SAVEPOINT s');
    attempt("DELETE FROM $table WHERE name LIKE 'n3%'");
    attempt('ROLLBACK TO SAVEPOINT s');
    $db->rollback;
    attempt("SELECT COUNT(*) FROM $table");
    { local $db->{AutoCommit} = 0; attempt("DELETE FROM $table WHERE name = 'n4'"); $db->commit; }
    attempt("SELECT COUNT(*) FROM $table");
    attempt("SELECT SLEEP(0), CONNECTION_ID() > 0");
}

open my $file, '>', 'rows.txt' or die $!;
print $file map { "$_\tloaded $_\n" } 1000 .. 3000;
close $file;
attempt("LOAD DATA LOCAL INFILE 'rows.txt' INTO TABLE $table (id, name)");
attempt("SELECT COUNT(*), MAX(name) FROM $table");
$db->do("DROP PROCEDURE IF EXISTS ${table}_sets");
attempt("CREATE PROCEDURE ${table}_sets(IN a INT) BEGIN SELECT a; SELECT a + 1, 'x'; END");
$db->{"${prefix}_server_prepare"} = 0;
my $call = $db->prepare("CALL ${table}_sets(20)");
$call->execute;
do { print 'set ', shown($call->fetchall_arrayref), "\n" if $call->{NUM_OF_FIELDS} } while $call->more_results;
my $other = DBI->connect($dsn, 'app', 'apppw', { %settings, PrintError => 0 });
print 'another session: ', shown($other->selectrow_arrayref('SELECT @own, @@autocommit')), "\n";
print 'ping ', $db->ping, ' ', $other->ping, "\n";
$_->disconnect for $db, $other;
my $refused = DBI->connect($dsn, 'app', 'wrong', { RaiseError => 0, PrintError => 0 });
print 'refused ', DBI->err, ' ', DBI->errstr, "\n";
