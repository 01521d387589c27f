/** Leafnode: NNTP, as a superserver starts it for every connection. It knows neither logins nor TLS. */
import type { Launcher } from "../launcher.ts";

/** Leafnode takes neither a bare name nor one of those in RFC 2606. */
const HOST_NAME = "news.troop-tests.net";
/** Where Debian's build looks; in a mount namespace of its own, files of the test are there. */
const CONFIGURATION = "/etc/news/leafnode/config";
const SPOOL = "/var/spool/news";

/** Leafnode without any group. */
export const leafnode: Launcher = {
  name: "leafnode",
  packages: ["leafnode", "ncat"],
  ports: ["nntp"],
  async prepare({ folder, port, write, run }) {
    await write("config", `server = 127.0.0.1\nexpire = 20\nhostname = ${HOST_NAME}\n`);
    await run(["cp", "--archive", SPOOL, `${folder}/spool`]);
    const script = `hostname ${HOST_NAME}
mount --bind ${folder}/config ${CONFIGURATION}
mount --bind ${folder}/spool ${SPOOL}
/usr/bin/ncat --listen 127.0.0.1 ${port("nntp")} --keep-open --sh-exec /usr/sbin/leafnode
exit`;
    // With processes of its own: ncat's grandchildren, which have the listening socket too, stay below it.
    const own = ["--uts", "--mount", "--pid", "--fork", "--kill-child"];
    return { command: ["unshare", ...own, "/bin/sh", "-c", script] };
  },
};
