/** PostgreSQL: a table with a row, a user with a password (SCRAM), in plain text and with TLS. */
import { readdirSync } from "node:fs";
import type { Launcher } from "../launcher.ts";

/** Who may log in, and to what. */
export const POSTGRESQL_LOGIN = {
  user: "troop",
  password: "secret of troop",
  database: "shop",
} as const;

const SETUP = `CREATE ROLE troop LOGIN PASSWORD '${POSTGRESQL_LOGIN.password}';
CREATE DATABASE shop OWNER troop;
`;

/** Debian keeps the programs of every version in a folder of their own. */
function programs(): string {
  const [version = "15"] = readdirSync("/usr/lib/postgresql").toSorted().reverse();
  return `/usr/lib/postgresql/${version}/bin`;
}

/** A cluster of its own. */
export const postgresql: Launcher = {
  name: "postgresql",
  packages: ["postgresql"],
  ports: ["postgresql"],
  user: "postgres",
  async prepare({ folder, port, tls, write, run }) {
    const data = `${folder}/data`;
    const bin = programs();
    await run([`${bin}/initdb`, "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8"]);
    await run([`${bin}/postgres`, "--single", "-D", data, "postgres"], SETUP);
    await write("data/pg_hba.conf", "host all all 127.0.0.1/32 scram-sha-256\n", 0o600);
    const settings = {
      listen_addresses: "127.0.0.1",
      port: String(port("postgresql")),
      unix_socket_directories: "",
      fsync: "off",
      ssl: "on",
      ssl_cert_file: tls.certificate,
      ssl_key_file: tls.key,
    };
    const options = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
    // It takes connections before it can serve them.
    const look = [`${bin}/pg_isready`, "-q", "-h", "127.0.0.1", "-p", settings.port];
    const ready = (): Promise<boolean> => run(look).then(() => true, () => false);
    return { command: [`${bin}/postgres`, "-D", data, ...options], ready };
  },
};
