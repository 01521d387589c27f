/** MariaDB: a user with a password, in plain text and with TLS. */
import type { Launcher } from "../launcher.ts";

/** Who may log in, and to what. */
export const MARIADB_LOGIN = {
  user: "troop",
  password: "secret of troop",
  database: "shop",
} as const;

/** Run at every start, while nobody is connected yet. */
const INIT = `CREATE DATABASE IF NOT EXISTS shop;
CREATE USER IF NOT EXISTS troop@'%' IDENTIFIED BY '${MARIADB_LOGIN.password}';
GRANT SELECT ON shop.* TO troop@'%';
`;

/** A database of its own. */
export const mariadb: Launcher = {
  name: "mariadb",
  packages: ["mariadb-server"],
  ports: ["mysql"],
  user: "mysql",
  async prepare({ folder, port, tls, write, run }) {
    const init = await write("init.sql", INIT.replaceAll("\n", " ").replaceAll("; ", ";\n"));
    const configuration = await write(
      "my.cnf",
      `[mariadbd]
datadir=${folder}/data
socket=${folder}/mysql.sock
pid-file=${folder}/mysql.pid
tmpdir=${folder}
bind-address=127.0.0.1
port=${port("mysql")}
skip-name-resolve
innodb-flush-log-at-trx-commit=0
innodb-buffer-pool-size=8M
loose-innodb-buffer-pool-size-max=64M
innodb-log-file-size=4M
ssl-cert=${tls.certificate}
ssl-key=${tls.key}
ssl-ca=${tls.authority}
init-file=${init}
`,
    );
    await run([
      "mariadb-install-db",
      `--defaults-file=${configuration}`,
      "--auth-root-authentication-method=socket",
      "--skip-test-db",
    ]);
    return { command: ["/usr/sbin/mariadbd", `--defaults-file=${configuration}`] };
  },
};
