import JSON
import Records

/// `/fhir/metadata`: what the views can do as FHIR R4, and nothing they cannot.
package enum CapabilityStatement {
    package static let document: [UInt8] = {
        var writer = JSONWriter(reserving: 4096)
        writer.object { writer in
            writer.member("resourceType", "CapabilityStatement")
            writer.member("status", "active")
            writer.member("date", "2026-11-21")
            writer.member("kind", "instance")
            writer.object("software") { writer in writer.member("name", "Chartlog") }
            writer.object("implementation") { writer in
                writer.member("description", "Views folded from an append-only log; written to by POST /v1/events.")
            }
            writer.member("fhirVersion", "4.0.1")
            writer.array("format") { writer in
                writer.string("json")
                writer.string("application/fhir+json")
            }
            writer.array("rest") { writer in
                writer.object { writer in
                    writer.member("mode", "server")
                    writer.object("security") { writer in
                        writer.member(
                            "description", "Bearer API key; X-Purpose-Of-Use says why; every read is audited.")
                    }
                    writer.array("resource") { writer in
                        for kind in ViewKind.allCases { resource(kind, &writer) }
                    }
                }
            }
        }
        return writer.bytes
    }()

    private static func resource(_ kind: ViewKind, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("type", kind.rawValue)
            writer.array("interaction") { writer in
                for code in ["read", "vread", "history-instance", "search-type"] {
                    writer.object { writer in writer.member("code", code) }
                }
            }
            writer.member("versioning", "versioned")
            writer.member("readHistory", true)
            writer.member("updateCreate", false)
            writer.member("conditionalCreate", false)
            writer.member("conditionalRead", "full-support")
            writer.array("searchParam") { writer in
                for (name, type) in SearchParameters.names(kind) {
                    writer.object { writer in
                        writer.member("name", name)
                        writer.member("type", type)
                    }
                }
            }
        }
    }
}
