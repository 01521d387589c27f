/** slapd of OpenLDAP: a small directory, in plain text, with StartTLS, and over TLS. */
import type { Launcher } from "../launcher.ts";

/** The tree's name. */
export const LDAP_SUFFIX = "dc=example,dc=org";
/** Who may bind. */
export const LDAP_LOGIN = { user: `cn=admin,${LDAP_SUFFIX}`, password: "secret of admin" } as const;

const ENTRIES = `dn: ${LDAP_SUFFIX}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,${LDAP_SUFFIX}
objectClass: organizationalUnit
ou: people

dn: cn=Ada Lovelace,ou=people,${LDAP_SUFFIX}
objectClass: person
cn: Ada Lovelace
sn: Lovelace

dn: cn=Grace Hopper,ou=people,${LDAP_SUFFIX}
objectClass: person
cn: Grace Hopper
sn: Hopper
`;

/** A directory of its own; anybody may read it. */
export const slapd: Launcher = {
  name: "slapd",
  packages: ["slapd"],
  ports: ["ldap", "ldaps"],
  async prepare({ folder, port, tls, write, makeFolder, run }) {
    await makeFolder("data");
    const configuration = await write(
      "slapd.conf",
      `include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${folder}/slapd.pid
TLSCertificateFile ${tls.certificate}
TLSCertificateKeyFile ${tls.key}
database mdb
suffix "${LDAP_SUFFIX}"
rootdn "${LDAP_LOGIN.user}"
rootpw "${LDAP_LOGIN.password}"
directory ${folder}/data
maxsize 16777216
access to * by * read
`,
    );
    const entries = await write("entries.ldif", ENTRIES);
    await run(["/usr/sbin/slapadd", "-f", configuration, "-l", entries]);
    const urls = `ldap://127.0.0.1:${port("ldap")}/ ldaps://127.0.0.1:${port("ldaps")}/`;
    return { command: ["/usr/sbin/slapd", "-d", "0", "-f", configuration, "-h", urls] };
  },
};
