/** Postfix: SMTP, plain and with STARTTLS, and with TLS from the start. Dovecot knows its users. */
import type { Launcher } from "../launcher.ts";
import { writeDovecot } from "./dovecot.ts";

/** Postfix that takes mail for nobody, and lets the user log in. */
export const postfix: Launcher = {
  name: "postfix",
  packages: ["postfix", "dovecot-core"],
  ports: ["smtp", "smtps"],
  async prepare(place) {
    const { folder, port, tls, write, makeFolder, run } = place;
    await makeFolder("queue");
    const data = await makeFolder("data");
    await run(["chown", "postfix", data]);
    const logins = await writeDovecot(
      place,
      `protocols =
service auth {
  unix_listener ${folder}/queue/private/auth {
    mode = 0666
  }
}
`,
    );
    await write(
      "postfix/main.cf",
      `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = ${folder}/postfix.log
maillog_file_prefixes = ${folder}
alias_maps =
local_recipient_maps =
smtpd_tls_cert_file = ${tls.certificate}
smtpd_tls_key_file = ${tls.key}
smtpd_tls_security_level = may
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_delay_reject = yes
`,
    );
    const inner = (name: string, type: string, program: string, wakeUp = "-"): string =>
      `${name} ${type} n - n ${wakeUp} 1 ${program}\n`;
    await write(
      "postfix/master.cf",
      `127.0.0.1:${port("smtp")} inet n - n - - smtpd
127.0.0.1:${port("smtps")} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
postlog unix-dgram n - n - 1 postlogd
${inner("cleanup", "unix", "cleanup")}${inner("qmgr", "unix", "qmgr", "300")}${
        inner("tlsmgr", "unix", "tlsmgr", "1000?")
      }${inner("rewrite", "unix", "trivial-rewrite")}${inner("anvil", "unix", "anvil")}${
        inner("proxymap", "unix", "proxymap")
      }${inner("pickup", "unix", "pickup", "60")}`,
    );
    await run(["/usr/sbin/postfix", "-c", `${folder}/postfix`, "check"]);
    const script = `/usr/sbin/dovecot -F -c ${logins} &
exec /usr/lib/postfix/sbin/master -c ${folder}/postfix -s`;
    return { command: ["/bin/sh", "-c", script], log: "postfix.log" };
  },
};
