/**
 * Services for tests.
 */
import { NO_CHECK } from "../../src/core/check.ts";
import type { Edit } from "../../src/core/document.ts";
import type { Scheduler, Service } from "../../src/core/service.ts";

/** A service; what a test cares about is given. */
export function sampleService(fields: Partial<Service> = {}): Service {
  return {
    address: "192.0.2.240",
    port: 80,
    protocol: "tcp",
    scheduler: "wlc",
    forwarding: "dr",
    check: { ...NO_CHECK },
    ...fields,
  };
}

/** The edit that puts a service on a port. */
export function putPort(port: number, scheduler: Scheduler = "wlc"): Edit {
  return { kind: "putService", service: sampleService({ port, scheduler }) };
}
