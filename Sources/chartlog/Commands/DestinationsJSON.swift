import Backup
import Bytes
import JSON
import SegmentedLog
import Server

/// What the commands about directories of backups answer with --json.
extension Destinations {
    static func json(_ list: BackupList) -> String {
        var writer = JSONWriter()
        writer.object { object in
            object.member("cluster", Hex.text(of: list.cluster.bytes))
            object.member("bytes", list.bytes)
            object.array("backups") { array in
                for entry in list.entries {
                    array.object { one in
                        one.member("backup", entry.number)
                        one.member("ok", entry.isUsable)
                        if let flaw = entry.flaw { one.member("flaw", "\(flaw)") }
                        one.array("missing") { names in for name in entry.missing { names.string(name) } }
                        one.array("holds") { names in for name in entry.holds { names.string(name) } }
                        guard let manifest = entry.manifest else { return }
                        one.member("made", manifest.madeAt.text)
                        one.member("replica", manifest.replica)
                        one.member("position", manifest.head.position)
                        one.member("record", manifest.head.record)
                        one.member("index", manifest.head.index)
                        one.member("first", manifest.head.firstStamp.text)
                        one.member("last", manifest.head.stamp.text)
                        one.member("bytes", manifest.bytes)
                    }
                }
            }
            findings(list.findings, &object)
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    static func json(_ report: BackupReport) -> String {
        var writer = JSONWriter()
        writer.object { object in
            object.member("ok", report.isOK)
            object.member("objects", report.objects)
            object.member("bytes", report.bytes)
            object.array("verified") { array in for number in report.verified { array.integer(number) } }
            object.array("folded") { array in for number in report.folded { array.integer(number) } }
            findings(report.findings, &object)
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    static func json(_ plan: ExpiryPlan, isDone: Bool) -> String {
        var writer = JSONWriter()
        writer.object { object in
            object.member("done", isDone)
            object.array("expired") { array in for number in plan.expired { array.integer(number) } }
            object.array("kept") { array in for number in plan.kept { array.integer(number) } }
            object.array("held") { array in for number in plan.held { array.integer(number) } }
            object.array("objects") { array in for one in plan.objects { array.string(one.name) } }
            object.member("bytes", plan.bytes)
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func findings(_ findings: [BackupFinding], _ writer: inout JSONWriter) {
        writer.array("faults") { array in
            for finding in findings {
                array.object { one in
                    one.member("object", finding.object)
                    one.member("kind", finding.word)
                    one.member("offset", finding.offset)
                    if let segment = finding.segment { one.member("segment", segment) }
                    if let index = finding.index { one.member("index", index) }
                    if let position = finding.position { one.member("position", position) }
                }
            }
        }
    }
}
