/**
 * Services for tests.
 */
import { NO_CHECK } from "../../src/core/check.ts";
import type { Edit } from "../../src/core/document/document.ts";
import { type ServerEntry, serverEntrySchema } from "../../src/core/service/server.ts";
import {
  type EndpointService,
  type Scheduler,
  serviceSchema,
} from "../../src/core/service/service.ts";

/** A service; what a test cares about is given. */
export function sampleService(fields: Partial<EndpointService> = {}): EndpointService {
  return serviceSchema.parse({
    address: "192.0.2.240",
    port: 80,
    protocol: "tcp",
    scheduler: "wlc",
    forwarding: "dr",
    check: { ...NO_CHECK },
    ...fields,
  }) as EndpointService;
}

/** What is said of one server of the service on a port. */
export function sampleServer(port: number, last: number, weight = 1): ServerEntry {
  return serverEntrySchema.parse({
    service: `tcp/192.0.2.240:${port}`,
    target: { address: `192.0.2.${last}`, port: 8080 },
    weight,
  });
}

/** The edit that puts a server. */
export function putServer(port: number, last: number, weight = 1): Edit {
  return { kind: "putServer", server: sampleServer(port, last, weight) };
}

/** The edit that puts a service on a port. */
export function putPort(port: number, scheduler: Scheduler = "wlc"): Edit {
  return { kind: "putService", service: sampleService({ port, scheduler }) };
}
