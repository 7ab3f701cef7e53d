/// How metrics are exposed.
package enum MetricsFormat: Sendable {
    /// OpenMetrics 1.0.
    case openMetrics
    /// Prometheus text 0.0.4, for whoever does not ask for OpenMetrics.
    case prometheus

    var contentType: String {
        switch self {
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        }
    }

    static func chosen(by accept: String?) -> MetricsFormat {
        Negotiation.choose(accept, among: ["text/plain", "application/openmetrics-text"]) == 1
            ? .openMetrics : .prometheus
    }
}

/// Counters as text. Families are not interleaved, lines end in LF, and a counter's samples end in `_total`.
package enum MetricsWriter {
    package static func text(_ counters: Counters, _ format: MetricsFormat) -> [UInt8] {
        var page = Page(format: format)
        page.counter(
            "chartlog_requests", "Requests answered.",
            counters.requests.sorted { $0.key < $1.key }.map { kind, count in
                (
                    [
                        ("route", kind.route), ("method", kind.method), ("status", "\(kind.statusClass)xx"),
                    ], count
                )
            })
        page.histogram(
            "chartlog_request_seconds", "Seconds from a whole request to its answer.", counters.latency)
        page.counter("chartlog_appended_events", "Events appended.", counters.appendedEvents)
        page.counter("chartlog_appended_bytes", "Bytes of events appended.", counters.appendedBytes, unit: "bytes")
        page.counter("chartlog_received_bytes", "Bytes received from clients.", counters.receivedBytes, unit: "bytes")
        page.counter("chartlog_sent_bytes", "Bytes sent to clients.", counters.sentBytes, unit: "bytes")
        page.counter(
            "chartlog_refused", "Requests refused before a credential was known.",
            counters.refused.sorted { $0.key < $1.key }.map { ([("problem", $0.key)], $0.value) })
        page.gauge("chartlog_connections", "Connections open.", Double(counters.connections))
        page.counter("chartlog_accepted_connections", "Connections accepted.", counters.acceptedConnections)
        page.gauge("chartlog_followers", "Readers that follow.", Double(counters.followers))
        page.gauge("chartlog_position", "Position of the last committed event.", Double(counters.position))
        page.gauge("chartlog_record", "Number of the last committed record.", Double(counters.record))
        page.gauge("chartlog_index", "Index of the last committed entry.", Double(counters.index))
        page.gauge("chartlog_term", "Current term.", Double(counters.term))
        page.gauge("chartlog_undurable_entries", "Entries not yet durable.", Double(counters.undurableEntries))
        page.gauge(
            "chartlog_unfolded_entries", "Entries decided, not yet in the views.", Double(counters.unfoldedEntries))
        page.gauge(
            "chartlog_min_durable_copies", "Disks that hold what was acknowledged; 0 unless primary.",
            Double(counters.minDurableCopies))
        if let age = counters.backupAgeSeconds {
            page.gauge(
                "chartlog_backup_age_seconds", "Since the newest backup that the replica knows of.", Double(age),
                unit: "seconds")
        }
        page.counter("chartlog_refused_frames", "Frames from a primary that were refused.", counters.refusedFrames)
        page.gauge("chartlog_primary", "1 on the primary.", counters.isPrimary ? 1 : 0)
        page.gauge("chartlog_ready", "1 when appends are acknowledged.", counters.isReady ? 1 : 0)
        if let peers = counters.peers {
            page.gauge("chartlog_linked_peers", "Replicas linked with this one.", Double(peers.linked))
            page.counter("chartlog_peer_sent_messages", "Messages sent to replicas.", peers.sentMessages)
            page.counter("chartlog_peer_received_messages", "Messages received from replicas.", peers.receivedMessages)
            page.counter(
                "chartlog_peer_dropped_messages", "Messages for which there was no link.", peers.droppedMessages)
            page.counter("chartlog_peer_sent_bytes", "Bytes sent to replicas.", peers.sentBytes, unit: "bytes")
            page.counter(
                "chartlog_peer_received_bytes", "Bytes received from replicas.", peers.receivedBytes, unit: "bytes")
            page.counter("chartlog_peer_reconnects", "Links made again after a loss.", peers.reconnects)
            page.counter(
                "chartlog_peer_refused", "Connections between replicas refused.",
                peers.refused.map { ([("reason", $0.reason)], $0.count) })
            page.counter(
                "chartlog_forwarded_requests", "Requests handed on to the primary.", counters.forwardedRequests)
            page.counter(
                "chartlog_served_for_others", "Requests that other replicas handed on to this one.",
                counters.servedForOthers)
            page.gauge(
                "chartlog_held_requests", "Requests that wait to hear who leads.", Double(counters.heldRequests))
        }
        page.histogram("chartlog_fsync_seconds", "Seconds one fdatasync took.", counters.fsync)
        page.gauge("chartlog_resident_bytes", "Resident memory.", Double(counters.residentBytes), unit: "bytes")
        page.gauge("chartlog_log_bytes", "Bytes of the log's segments.", Double(counters.logBytes), unit: "bytes")
        page.gauge("chartlog_free_bytes", "Free space on the log's disk.", Double(counters.freeBytes), unit: "bytes")
        page.gauge("chartlog_uptime_seconds", "Seconds since start.", counters.uptimeSeconds, unit: "seconds")
        page.info("chartlog_build", "What runs here.", [("version", counters.version)])
        return page.finished()
    }

    private struct Page {
        let format: MetricsFormat
        var text: [UInt8] = []

        init(format: MetricsFormat) {
            self.format = format
            text.reserveCapacity(8192)
        }

        mutating func finished() -> [UInt8] {
            if format == .openMetrics { text.append("# EOF\n") }
            return text
        }

        /// OpenMetrics names the family without `_total`, Prometheus with it.
        private mutating func family(_ name: String, _ type: String, _ help: String, unit: String?) {
            text.append("# TYPE \(name) \(type)\n")
            if let unit, format == .openMetrics { text.append("# UNIT \(name) \(unit)\n") }
            text.append("# HELP \(name) \(help)\n")
        }

        mutating func counter(_ name: String, _ help: String, _ value: UInt64, unit: String? = nil) {
            counter(name, help, [([], value)], unit: unit)
        }

        mutating func counter(
            _ name: String, _ help: String, _ samples: [([(String, String)], UInt64)], unit: String? = nil
        ) {
            family(format == .openMetrics ? name : name + "_total", "counter", help, unit: unit)
            for (labels, value) in samples { sample(name + "_total", labels, String(value)) }
        }

        mutating func gauge(_ name: String, _ help: String, _ value: Double, unit: String? = nil) {
            family(name, "gauge", help, unit: unit)
            sample(name, [], number(value))
        }

        mutating func info(_ name: String, _ help: String, _ labels: [(String, String)]) {
            if format == .openMetrics {
                family(name, "info", help, unit: nil)
            } else {
                family(name + "_info", "gauge", help, unit: nil)
            }
            sample(name + "_info", labels, "1")
        }

        mutating func histogram(_ name: String, _ help: String, _ histogram: Counters.Histogram) {
            family(name, "histogram", help, unit: "seconds")
            var sum: UInt64 = 0
            for (bound, count) in zip(Counters.Histogram.bounds, histogram.counts) {
                sum += count
                sample(name + "_bucket", [("le", canonical(bound))], String(sum))
            }
            sum += histogram.counts.last ?? 0
            sample(name + "_bucket", [("le", "+Inf")], String(sum))
            sample(name + "_count", [], String(sum))
            sample(name + "_sum", [], number(histogram.sumSeconds))
        }

        private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
            text.append(name)
            if !labels.isEmpty {
                text.append("{")
                for (index, label) in labels.enumerated() {
                    if index > 0 { text.append(",") }
                    text.append("\(label.0)=\"\(escaped(label.1))\"")
                }
                text.append("}")
            }
            text.append(" \(value)\n")
        }

        private func escaped(_ value: String) -> String {
            var text = ""
            for character in value {
                switch character {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.append(character)
                }
            }
            return text
        }

        /// Whole numbers without a fraction.
        private func number(_ value: Double) -> String {
            guard value > -9e15, value < 9e15, Double(Int64(value)) == value else { return value.description }
            return String(Int64(value))
        }

        /// OpenMetrics' canonical floats for `le`: always with a fraction or an exponent.
        private func canonical(_ bound: Double) -> String { bound.description }
    }
}
