/** nginx: HTTP, HTTPS and HTTP/2. */
import type { Launcher } from "../launcher.ts";
import { PAGE, PRIVATE_PASSWORD, PRIVATE_USER } from "./page.ts";

/** nginx with a page at /, a password at /private/ and a status of 503 at /busy. */
export const nginx: Launcher = {
  name: "nginx",
  packages: ["nginx-light"],
  ports: ["http", "https"],
  async prepare({ folder, port, tls, write, makeFolder, run }) {
    await write("pages/index.html", PAGE);
    await write("pages/private/index.html", PAGE);
    const hash = (await run(["openssl", "passwd", "-apr1", PRIVATE_PASSWORD])).trim();
    const users = await write("users", `${PRIVATE_USER}:${hash}\n`);
    await makeFolder("run");
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/run/${name};`);
    const configuration = await write(
      "nginx.conf",
      `daemon off;
worker_processes 1;
pid ${folder}/run/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
  access_log off;
  default_type text/html;
  ${paths.join("\n  ")}
  server {
    listen 127.0.0.1:${port("http")};
    listen 127.0.0.1:${port("https")} ssl http2;
    ssl_certificate ${tls.certificate};
    ssl_certificate_key ${tls.key};
    root ${folder}/pages;
    location /private/ { auth_basic "private"; auth_basic_user_file ${users}; }
    location = /busy { return 503; }
  }
}
`,
    );
    return { command: ["/usr/sbin/nginx", "-p", folder, "-c", configuration] };
  },
};
