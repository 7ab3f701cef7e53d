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
            writer.array("retired") { writer in
                for id in status.retired { writer.integer(id) }
            }
            writer.name("last_failover")
            if let last = status.lastFailover { write(last, &writer) } else { writer.null() }
            writer.name("change")
            if let change = status.change { write(change, &writer) } else { writer.null() }
            writer.array("warnings") { writer in
                for warning in status.warnings { writer.string(warning) }
            }
            if let seed = status.seed { writer.object("seed") { write(seed, &$0) } }
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
            writer.member("durable_index", member.durableIndex)
            writer.member("free_bytes", member.freeBytes)
            writer.name("silent_ms")
            if let silent = member.silentMilliseconds { writer.integer(silent) } else { writer.null() }
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

    private static func write(_ seed: Seed, _ writer: inout JSONWriter) {
        writer.member("keys", Base64.text(of: seed.keys))
        writer.member("first", Base64.text(of: seed.first))
        if let lineage = seed.lineage { writer.member("lineage", Base64.text(of: lineage)) }
        writer.array("peers") { writer in
            for place in seed.places {
                writer.object { writer in
                    writer.member("id", place.id)
                    writer.member("address", place.address)
                    writer.member("peerPort", place.peerPort)
                    writer.member("clientPort", place.clientPort)
                }
            }
        }
    }

    private static func write(_ last: ClusterStatus.LastFailover, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("at", last.at.text)
            writer.member("reason", last.reason)
            writer.name("from")
            if let from = last.from { writer.integer(from) } else { writer.null() }
            writer.member("to", last.to)
            writer.name("milliseconds")
            if let milliseconds = last.milliseconds { writer.integer(milliseconds) } else { writer.null() }
        }
    }

    private static func write(_ change: ClusterStatus.Change, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("joining")
            if let joining = change.joining { writer.integer(joining) } else { writer.null() }
            writer.name("leaving")
            if let leaving = change.leaving { writer.integer(leaving) } else { writer.null() }
            writer.member("state", change.state)
            writer.name("hold")
            if let hold = change.hold { writer.string(hold) } else { writer.null() }
            writer.member("automatic", change.isAutomatic)
            writer.member("begun", change.begun.text)
        }
    }
}
