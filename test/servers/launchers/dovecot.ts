/** Dovecot: IMAP and POP3, plain, with STARTTLS and with TLS from the start; and the logins of Postfix. */
import type { Launcher, Place } from "../launcher.ts";
import { MAIL_PASSWORD, MAIL_USER } from "./mailbox.ts";

/** Users of Debian's packages. */
const LOGIN_USER = "dovenull";
const INTERNAL_USER = "dovecot";

/** Dovecot with one mailbox. */
export const dovecot: Launcher = {
  name: "dovecot",
  packages: ["dovecot-imapd", "dovecot-pop3d"],
  ports: ["imap", "imaps", "pop3", "pop3s"],
  async prepare(place) {
    const { port } = place;
    const listener = (protocol: string): string =>
      `service ${protocol}-login {
  inet_listener ${protocol} {
    address = 127.0.0.1
    port = ${port(protocol)}
  }
  inet_listener ${protocol}s {
    address = 127.0.0.1
    port = ${port(`${protocol}s`)}
    ssl = yes
  }
}
`;
    const configuration = await writeDovecot(
      place,
      `protocols = imap pop3\n${listener("imap")}${listener("pop3")}`,
    );
    return { command: ["/usr/sbin/dovecot", "-F", "-c", configuration], log: "dovecot.log" };
  },
};

/** Writes a configuration that knows the user; `services` says what listens. Returns its path. */
export async function writeDovecot(
  { folder, tls, write, makeFolder }: Place,
  services: string,
): Promise<string> {
  await makeFolder("mail", 0o777);
  await makeFolder("dovecot-run");
  const users = await write("users", `${MAIL_USER}:{PLAIN}${MAIL_PASSWORD}\n`);
  return write(
    "dovecot.conf",
    `base_dir = ${folder}/dovecot-run
state_dir = ${folder}/dovecot-run
log_path = ${folder}/dovecot.log
default_login_user = ${LOGIN_USER}
default_internal_user = ${INTERNAL_USER}
auth_failure_delay = 0
disable_plaintext_auth = no
mail_location = maildir:${folder}/mail/%u
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
ssl = yes
ssl_cert = <${tls.certificate}
ssl_key = <${tls.key}
passdb {
  driver = passwd-file
  args = ${users}
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${folder}/mail/%u
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
service anvil {
  chroot =
}
${services}`,
  );
}
