/** Rows of checks of servers of mail, files and news: plain, asking for TLS, and with TLS from the start. */
import { dovecot } from "../launchers/dovecot.ts";
import { leafnode } from "../launchers/leafnode.ts";
import { MAIL_PASSWORD, MAIL_USER } from "../launchers/mailbox.ts";
import { postfix } from "../launchers/postfix.ts";
import { FTP_USER, vsftpd } from "../launchers/vsftpd.ts";
import type { Row } from "../row.ts";
import { CERTIFICATE_NAME } from "../server_certificates.ts";

type Kind = "smtp" | "imap" | "pop3" | "ftp";

/** A kind in its three forms; the port of TLS from the start has an s behind its name. */
function threeOf(kind: Kind, launcher: Row["launcher"], user = MAIL_USER): Row[] {
  const login = { kind, user, password: MAIL_PASSWORD };
  const changes = { "wrong password": { password: "wrong" } };
  const secure = { serverName: CERTIFICATE_NAME };
  return [
    { name: kind, launcher, port: kind, check: login, changes },
    {
      name: `${kind} starttls`,
      launcher,
      port: kind,
      check: { ...login, security: "starttls", ...secure },
      changes,
      secure: true,
    },
    {
      name: `${kind}s`,
      launcher,
      port: `${kind}s`,
      check: { ...login, security: "tls", ...secure },
      changes,
      secure: true,
    },
  ];
}

/** See the file's head. */
export const mailRows: readonly Row[] = [
  ...threeOf("smtp", postfix),
  ...threeOf("imap", dovecot),
  ...threeOf("pop3", dovecot),
  ...threeOf("ftp", vsftpd, FTP_USER),
  { name: "nntp", launcher: leafnode, port: "nntp", check: { kind: "nntp" } },
];
