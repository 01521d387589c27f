/** Apache: HTTP and HTTPS. */
import type { Launcher } from "../launcher.ts";
import { PAGE, PRIVATE_PASSWORD, PRIVATE_USER } from "./page.ts";

/** Modules the configuration needs; Debian's are where its package puts them. */
const MODULES = [
  "mpm_event",
  "authz_core",
  "authn_core",
  "authn_file",
  "auth_basic",
  "authz_user",
  "mime",
  "dir",
  "ssl",
  "http2",
];

/** Apache with the page, and the same behind a password at /private/. */
export const apache: Launcher = {
  name: "apache2",
  packages: ["apache2"],
  ports: ["http", "https"],
  async prepare({ folder, port, tls, write, run }) {
    await write("pages/index.html", PAGE);
    await write("pages/private/index.html", PAGE);
    const hash = (await run(["openssl", "passwd", "-apr1", PRIVATE_PASSWORD])).trim();
    const users = await write("users", `${PRIVATE_USER}:${hash}\n`);
    const configuration = await write(
      "apache2.conf",
      `${
        MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
          .join("\n")
      }
ServerName www.example.org
ServerRoot ${folder}
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache2.pid
Mutex file:${folder}
User www-data
Group www-data
StartServers 1
TypesConfig /dev/null
ErrorLog ${folder}/error.log
Listen 127.0.0.1:${port("http")}
Listen 127.0.0.1:${port("https")}
Protocols h2 h2c http/1.1
DocumentRoot ${folder}/pages
<Directory ${folder}/pages>
  Require all granted
</Directory>
<Location /private/>
  AuthType Basic
  AuthName private
  AuthUserFile ${users}
  Require valid-user
</Location>
<VirtualHost *:${port("https")}>
  SSLEngine on
  SSLCertificateFile ${tls.certificate}
  SSLCertificateKeyFile ${tls.key}
</VirtualHost>
`,
    );
    return {
      command: ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", configuration],
      log: "error.log",
    };
  },
};
