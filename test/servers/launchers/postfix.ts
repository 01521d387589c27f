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
smtpd_tls_chain_files = ${tls.key}, ${tls.certificate}
smtpd_tls_security_level = may
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_delay_reject = yes
`,
    );
    // Columns of master(5): private, unprivileged, chroot, wake-up time, processes at most.
    await write(
      "postfix/master.cf",
      `127.0.0.1:${port("smtp")} inet n - n - - smtpd
127.0.0.1:${port("smtps")} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
pickup unix n - n 60 1 pickup
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
`,
    );
    await run(["/usr/sbin/postfix", "-c", `${folder}/postfix`, "check"]);
    // Without it smtpd gives up, and is begun again only after a minute.
    const socket = `${folder}/queue/private/auth`;
    const script = `rm -f ${socket}
/usr/sbin/dovecot -F -c ${logins} &
while [ ! -S ${socket} ]; do sleep 0.02; done
/usr/lib/postfix/sbin/master -c ${folder}/postfix -s &
wait`;
    return { command: ["/bin/sh", "-c", script], log: "postfix.log" };
  },
};
