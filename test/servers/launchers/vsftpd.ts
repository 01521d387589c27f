/** vsftpd: FTP, plain and with AUTH TLS, and with TLS from the start. */
import type { Launcher } from "../launcher.ts";
import { MAIL_PASSWORD } from "./mailbox.ts";

/** Who may log in: anonymous with one password (`secure_email_list_enable` of vsftpd.conf(5)). */
export const FTP_USER = "anonymous";

/** vsftpd, twice: it has one way of TLS at a time. */
export const vsftpd: Launcher = {
  name: "vsftpd",
  packages: ["vsftpd"],
  ports: ["ftp", "ftps"],
  async prepare({ folder, port, tls, write, makeFolder }) {
    const empty = await makeFolder("empty");
    const pages = await makeFolder("pages", 0o555);
    const passwords = await write("passwords", `${MAIL_PASSWORD}\n`);
    const common = `listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=YES
secure_email_list_enable=YES
email_password_file=${passwords}
anon_root=${pages}
secure_chroot_dir=${empty}
delay_failed_login=0
seccomp_sandbox=NO
xferlog_enable=NO
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=NO
force_anon_data_ssl=NO
rsa_cert_file=${tls.certificate}
rsa_private_key_file=${tls.key}
`;
    await write("ftp.conf", `${common}listen_port=${port("ftp")}\n`);
    await write("ftps.conf", `${common}listen_port=${port("ftps")}\nimplicit_ssl=YES\n`);
    const script = `/usr/sbin/vsftpd ${folder}/ftp.conf &
exec /usr/sbin/vsftpd ${folder}/ftps.conf`;
    return { command: ["/bin/sh", "-c", script] };
  },
};
