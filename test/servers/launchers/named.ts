/** BIND: DNS, with a zone of its own. */
import type { Launcher } from "../launcher.ts";

/** BIND with the zone example.org. */
export const named: Launcher = {
  name: "bind9",
  packages: ["bind9"],
  ports: ["dns"],
  async prepare({ folder, port, write }) {
    const zone = await write(
      "example.org.zone",
      `$TTL 60
@ SOA ns hostmaster 1 60 60 60 60
@ NS ns
ns A 192.0.2.20
www A 192.0.2.21
`,
    );
    const configuration = await write(
      "named.conf",
      `options {
  directory "${folder}";
  pid-file none;
  session-keyfile none;
  listen-on port ${port("dns")} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
};
controls { };
zone "example.org" { type primary; file "${zone}"; };
`,
    );
    return { command: ["/usr/sbin/named", "-g", "-n", "1", "-c", configuration] };
  },
};
