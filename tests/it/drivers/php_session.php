<?php
// mysqli and PDO at work; the output must not depend on who answers. Arguments: port, family.

[$port, $family] = [(int) $argv[1], $argv[2]];
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$db = mysqli_init();
$db->options(MYSQLI_OPT_LOCAL_INFILE, 1);
$db->real_connect('127.0.0.1', 'app', 'apppw', 'plain', $port);
$db->set_charset('utf8mb4');

function attempt(mysqli $db, string $statement): void
{
    try {
        $result = $db->query($statement);
        $rows = is_bool($result) ? $result : $result->fetch_all();
        // Of a reply with rows, mysqli counts the rows it has read.
        echo substr($statement, 0, 70), ' -> ', $db->affected_rows, ' ', $db->insert_id, ' ', $db->warning_count, ' ', $db->info, ' ', json_encode($rows), "\n";
    } catch (mysqli_sql_exception $error) {
        echo substr($statement, 0, 70), ' -> ', $error->getCode(), ' ', $error->getSqlState(), ' ', $error->getMessage(), "\n";
    }
}

$db->query("DROP TABLE IF EXISTS php");
attempt($db, 'CREATE TABLE php (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, price DECIMAL(10,2), at DATETIME(3), body LONGBLOB, doc JSON, ratio DOUBLE)');
attempt($db, "INSERT INTO php (name, price, at, doc, ratio) VALUES ('größe', 12.34, '2024-02-29 01:02:03.004', '{\"k\": [1]}', 0.1), ('none', NULL, NULL, NULL, NULL)");
attempt($db, "INSERT INTO php (name) VALUES ('none')");
attempt($db, 'SELECT * FROM php ORDER BY id');
attempt($db, "UPDATE php SET price = price + 1");
attempt($db, 'SELECT CAST("12abc" AS SIGNED)');
attempt($db, 'SHOW WARNINGS');
attempt($db, 'SELECT * FROM nowhere');
attempt($db, 'SELEC');

$insert = $db->prepare('INSERT INTO php (name, price, body) VALUES (?, ?, ?)');
$insert->bind_param('sds', $name, $price, $body);
foreach (range(1, 50) as $number) {
    [$name, $price, $body] = ["n$number", $number, "\x00\xff'$number"];
    $insert->execute();
}
echo 'prepared ', $insert->affected_rows, ' ', $insert->insert_id, "\n";
$name = 'long';
$insert->bind_param('sdb', $name, $price, $nothing);
$insert->send_long_data(2, str_repeat('a', 70000));
$insert->send_long_data(2, str_repeat('b', 70000));
$insert->execute();
attempt($db, "SELECT LENGTH(body), MD5(body) FROM php WHERE name = 'long'");
$select = $db->prepare('SELECT id, name, price, at, doc, ratio FROM php WHERE name LIKE ? ORDER BY id');
foreach (['n1%', 'gr%', 'none'] as $pattern) {
    $select->execute([$pattern]);
    echo json_encode($select->get_result()->fetch_all()), "\n";
}
$cursor = $db->prepare('SELECT id FROM php ORDER BY id');
$cursor->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
$cursor->execute();
$cursor->bind_result($id);
for ($sum = 0; $cursor->fetch();) {
    $sum += $id;
}
echo "by cursor $sum\n";
$cursor->close();

$db->autocommit(false);
attempt($db, 'RELEASE SAVEPOINT nowhere');
attempt($db, 'SAVEPOINT here');
attempt($db, 'ROLLBACK TO SAVEPOINT here');
attempt($db, 'RELEASE SAVEPOINT here');
attempt($db, "DELETE FROM php WHERE name LIKE 'n2%'");
$db->savepoint('s');
attempt($db, "DELETE FROM php WHERE name LIKE 'n3%'");
$db->rollback(0, 's');
$db->rollback();
attempt($db, "SELECT COUNT(*) FROM php");
$db->autocommit(true);

// The procedure has a cursor of its own, which the server's flags tell of as well.
$db->query("DROP PROCEDURE IF EXISTS php_sets");
attempt($db, 'CREATE PROCEDURE php_sets(IN a INT, OUT b INT) BEGIN DECLARE c CURSOR FOR SELECT 1; OPEN c; CLOSE c; SELECT a; SELECT a + 1, "x"; SET b = a * 2; END');
$call = $db->prepare('CALL php_sets(?, @out)');
$call->execute([20]);
do {
    if ($result = $call->get_result()) {
        echo json_encode($result->fetch_all()), "\n";
    }
} while ($call->more_results() && $call->next_result());
$call->close();
attempt($db, 'SELECT @out');
$db->multi_query("SELECT 1; UPDATE php SET price = 0 WHERE name = 'n10'; SELECT 2, 'x'; SELEC");
try {
    do {
        $result = $db->store_result();
        echo $result ? json_encode($result->fetch_all()) : $db->affected_rows, "\n";
    } while ($db->next_result());
} catch (mysqli_sql_exception $error) {
    echo $error->getCode(), "\n";
}

file_put_contents('rows.csv', implode('', array_map(fn($n) => "file$n,$n\n", range(1, 3000))));
attempt($db, "LOAD DATA LOCAL INFILE 'rows.csv' INTO TABLE php FIELDS TERMINATED BY ',' (name, price)");
attempt($db, 'SELECT COUNT(*), SUM(price) FROM php');
$large = str_repeat('z', 17 << 20);
$db->query("UPDATE php SET body = '$large' WHERE name = 'none'");
echo 'large ', $db->query("SELECT body FROM php WHERE name = 'none'")->fetch_row()[0] === $large ? 'same' : 'other', "\n";

attempt($db, 'SET @own = 5');
$before = $db->thread_id;
$db->change_user('app', 'apppw', 'plain');
attempt($db, 'SELECT @own, DATABASE()');
$ids = array_column($db->query('SHOW PROCESSLIST')->fetch_all(), 0);
echo 'among the processes ', in_array($db->thread_id, $ids) ? 'yes' : 'no', ' ', $before === $db->thread_id ? 'same id' : 'other id', "\n";
echo 'statistics ', str_starts_with($db->stat(), 'Uptime') ? 'yes' : 'no', "\n";

foreach ([true, false] as $emulated) {
    $pdo = new PDO("mysql:host=127.0.0.1;port=$port;dbname=plain;charset=utf8mb4", 'app', 'apppw', [
        PDO::ATTR_EMULATE_PREPARES => $emulated,
        PDO::ATTR_STRINGIFY_FETCHES => false,
        PDO::MYSQL_ATTR_FOUND_ROWS => true,
        PDO::MYSQL_ATTR_INIT_COMMAND => "SET time_zone = '+03:00'",
    ]);
    $read = $pdo->prepare('SELECT id, name, price, @@time_zone FROM php WHERE id = :id');
    foreach ([1, 2, 9] as $id) {
        $read->execute(['id' => $id]);
        echo json_encode($read->fetchAll(PDO::FETCH_ASSOC)), "\n";
    }
    $pdo->beginTransaction();
    echo $pdo->exec("UPDATE php SET price = price WHERE id < 5"), ' ', json_encode($pdo->inTransaction()), "\n";
    $pdo->rollBack();
    try {
        $pdo->prepare('INSERT INTO php (name) VALUES (?)')->execute(['none']);
    } catch (PDOException $error) {
        echo json_encode($error->errorInfo), "\n";
    }
    $meta = $pdo->query('SELECT id, price AS cost FROM php LIMIT 1')->getColumnMeta(1);
    echo json_encode($meta), "\n";
}
attempt($db, 'DROP TABLE php');
attempt($db, 'DROP PROCEDURE php_sets');
