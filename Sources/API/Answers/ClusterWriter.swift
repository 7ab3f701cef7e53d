import Bytes
import JSON
import Records

/// What `GET /v1/cluster` and `chartlog status --json` show.
enum ClusterWriter {
    static func json(_ status: ClusterStatus) -> [UInt8] {
        var writer = JSONWriter(reserving: 1024)
        writer.object { writer in
            writer.member("cluster", status.clusterID)
            writer.name("primary")
            if let primary = status.primary { writer.integer(primary) } else { writer.null() }
            writer.member("term", status.term)
            writer.member("index", status.index)
            writer.member("position", status.position)
            writer.member("record", status.record)
            writer.member("min_durable_copies", status.minDurableCopies)
            writer.member("last_stamp", status.lastStamp.text)
            writer.array("replicas") { writer in
                for member in status.members { write(member, &writer) }
            }
            writer.array("warnings") { writer in
                for warning in status.warnings { writer.string(warning) }
            }
        }
        return writer.bytes
    }

    private static func write(_ member: ClusterStatus.Member, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", member.id)
            writer.member("role", member.role)
            writer.member("state", member.state)
            writer.member("position", member.position)
            writer.member("lag_events", member.lagEvents)
            writer.name("lag_seconds")
            writer.number(member.lagSeconds)
            writer.object("digests") { writer in
                for (name, digest) in [
                    ("patient", member.patientDigest), ("appointment", member.appointmentDigest),
                    ("audit", member.auditDigest),
                ] {
                    writer.object(name) { writer in
                        writer.member("digest", digest)
                        writer.member("position", member.digestPosition)
                        if name == "audit" { writer.member("record", member.digestRecord) }
                    }
                }
            }
        }
    }
}
