/**
 * nginx from Debian as a real server of the lab: on every address of its machine, both families, one
 * page that names the machine.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import type { LabProcess } from "./process.ts";
import { waitFor } from "./wait.ts";

const START_LIMIT_MS = 10_000;

/**
 * Starts nginx on a machine, port 80 or the ports given, and waits until it answers. End it by
 * `end("SIGKILL")` or `end("SIGTERM")`.
 */
export async function startWebServer(
  lab: Lab,
  host: Host,
  ports: readonly number[] = [80],
): Promise<LabProcess> {
  const prefix = join(lab.scratch, `nginx-${host.name}`);
  mkdirSync(join(prefix, "html"), { recursive: true });
  writeFileSync(join(prefix, "html/index.html"), page(host.name));
  writeFileSync(join(prefix, "nginx.conf"), configuration(prefix, ports));
  const server = host.start([
    "nginx",
    "-p",
    prefix,
    "-c",
    join(prefix, "nginx.conf"),
    "-e",
    "stderr",
  ], {
    label: "nginx",
  });
  await waitFor(() => host.run("curl", "-sf", `http://${host.address}:${ports[0]}/index.html`), {
    what: `nginx on ${host.name} answers`,
    limitMs: START_LIMIT_MS,
  });
  return server;
}

function page(name: string): string {
  return `<!DOCTYPE html>\n<html><body>Test Page of ${name}</body></html>\n`;
}

function configuration(prefix: string, ports: readonly number[]): string {
  const listen = ports.map((port) => `listen ${port} reuseport; listen [::]:${port};`);
  return `
daemon off;
worker_processes 1;
pid ${prefix}/nginx.pid;
error_log stderr warn;
user root;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${prefix}/body;
  proxy_temp_path ${prefix}/proxy;
  fastcgi_temp_path ${prefix}/fastcgi;
  uwsgi_temp_path ${prefix}/uwsgi;
  scgi_temp_path ${prefix}/scgi;
  keepalive_requests 1000000;
  keepalive_timeout 600s;
  server {
    ${listen.join("\n    ")}
    root ${prefix}/html;
  }
}
`;
}
