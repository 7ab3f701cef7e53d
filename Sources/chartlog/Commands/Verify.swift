import Files
import JSON
import Keys
import Linux
import Replica
import SegmentedLog
import Server

extension Command {
    static let verify = Command(
        "verify", "DIR", summary: "check every byte of a stopped store, offline, and change nothing",
        story: """
            DIR is a store, or one DIR/replica-i of it. Opens every frame: checksum, seal, chain, numbering, footers.
            Needs the root key that the replica's configuration names. Damage is told by its position; exit 1.
            """,
        options: [Option("json", .flag, "", "print {ok, position, faults} as JSON"), .progress], operands: 1...1
    ) { arguments throws(Failure) in
        let replicas = try places(arguments.operands[0])
        var isWhole = true
        for (directory, title) in replicas {
            let report = try LogCheck(directory).run(wantsProgress: arguments.has("progress"))
            isWhole = isWhole && report.isOK
            if arguments.has("json") {
                Output.line(json(report))
            } else {
                tell(report, title)
            }
        }
        guard isWhole else { throw Failure(.failed, "") }
    }

    /// The replicas that DIR stands for, and what to call them.
    private static func places(_ path: String) throws(Failure) -> [(directory: String, title: String)] {
        let layout = StoreLayout(path)
        if SmallFile.exists("\(layout.directory)/config.json") {
            return [(layout.directory, layout.directory.split(separator: "/").last.map(String.init) ?? "replica")]
        }
        let replicas = layout.replicas.map { (layout.replica($0), "replica-\($0)") }
        guard !replicas.isEmpty else {
            throw Failure(.failed, "there is no store in \(Screen.safe(path))", "chartlog init DIR makes one")
        }
        return replicas
    }

    private static func tell(_ report: VerifyReport, _ title: String) {
        let counts =
            "\(Screen.grouped(report.lastPosition)) events, \(Screen.grouped(report.lastRecord)) records, "
            + "\(Screen.grouped(report.lastIndex)) entries in \(report.segments) segments"
        Output.line("\(title): \(report.isOK ? "whole" : "DAMAGED"): \(counts)")
        if let torn = report.tornFrom {
            Output.line("  the last write was cut off at entry \(torn); nothing acknowledged is in it")
        }
        for fault in report.faults {
            Output.line(
                "  segment \(fault.segment), entry \(fault.index), position \(fault.position): \(fault.kind.words)")
        }
        if !report.isOK {
            Output.line("  what stands before the first of these is good; restore or replace this replica")
        }
    }

    private static func json(_ report: VerifyReport) -> String {
        var writer = JSONWriter()
        writer.object { object in
            object.member("ok", report.isOK)
            object.member("position", report.lastPosition)
            object.member("record", report.lastRecord)
            object.member("index", report.lastIndex)
            object.member("segments", report.segments)
            object.array("faults") { array in
                for fault in report.faults {
                    array.object { object in
                        object.member("kind", fault.kind.words)
                        object.member("position", fault.position)
                        object.member("index", fault.index)
                        object.member("segment", fault.segment)
                    }
                }
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// The check of one replica's log.
private struct LogCheck {
    private let configuration: Configuration

    init(_ directory: String) throws(Failure) {
        guard !SmallFile.isLocked("\(directory)/lock") else {
            throw Failure(.failed, "this replica is running", "stop it first: what is being written cannot be judged")
        }
        do throws(ServerError) {
            configuration = try Configuration.read("\(directory)/config.json")
        } catch {
            throw Failure(.failed, error.sentence)
        }
    }

    func run(wantsProgress: Bool) throws(Failure) -> VerifyReport {
        let root: SecretKey
        do throws(ServerError) {
            root = try RootKeyReader.read(configuration.rootKey)
        } catch {
            throw Failure(.failed, error.sentence)
        }
        var progress = Progress("verifying", unit: "bytes", total: nil, wanted: wantsProgress)
        do {
            let files = try ReadOnlyFiles(root: "\(configuration.directory)/data")
            let clusterID = configuration.replica.clusterID
            let keyFile = try KeyFile.open(files, path: ReplicaPaths.keys, root: root, clusterID: clusterID)
            let lineage = try Lineage.read(
                files, path: ReplicaPaths.lineage, current: ClusterIdentity(clusterID))
            var last = 0
            let report = try LogVerifier.verify(
                store: files, directory: ReplicaPaths.log, lineage: lineage,
                keys: KeyRing(keyFile, clusterID: clusterID), crypto: try Crypto(), leaves: EntryLeaves()
            ) { done, _ in
                last = done
                progress.reached(done)
            }
            progress.ended(last)
            return report
        } catch let error as KeyError {
            throw Failure(.failed, error == .wrongKey ? "the root key is another one" : "the key file is damaged")
        } catch let error as LogError {
            throw Failure(.failed, words(for: error))
        } catch {
            throw Failure(.failed, "the replica's data cannot be read")
        }
    }
}

private func words(for error: LogError) -> String {
    switch error {
    case .missing: "there is no log"
    case .otherCluster: "data/lineage is another cluster's"
    case .lineage(.damaged): "the file data/lineage is damaged"
    case .lineage: "the file data/lineage is another log's"
    case .file, .key, .damaged, .absent, .exists, .otherReplica, .tooLarge, .refusedFrame, .otherFrame:
        "the log cannot be read"
    }
}

extension Fault.Kind {
    /// In words that name no one.
    fileprivate var words: String {
        switch self {
        case .frame(let flaw): "frame: \(flaw)"
        case .segmentHeader: "segment header"
        case .segmentMissing: "segment missing"
        case .footer: "footer"
        case .spare: "spare copy"
        }
    }
}
