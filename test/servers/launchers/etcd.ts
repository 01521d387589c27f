/** etcd: a server that speaks gRPC and has grpc.health.v1. */
import type { Launcher } from "../launcher.ts";

/** etcd, a cluster of one. */
export const etcd: Launcher = {
  name: "etcd",
  packages: ["etcd-server"],
  ports: ["grpc", "grpcs", "peer"],
  async prepare({ folder, port, tls }) {
    const clients = `http://127.0.0.1:${port("grpc")},https://127.0.0.1:${port("grpcs")}`;
    const peer = `http://127.0.0.1:${port("peer")}`;
    const options = {
      "data-dir": `${folder}/data`,
      "listen-client-urls": clients,
      "advertise-client-urls": clients,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": `default=${peer}`,
      "cert-file": tls.certificate,
      "key-file": tls.key,
      "log-level": "error",
    };
    const words = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    return { command: ["/usr/bin/etcd", ...words] };
  },
};
