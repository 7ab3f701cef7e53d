package import Backup
private import Bytes
private import Files
private import SegmentedLog

extension BackupError {
    /// What went wrong, with the object it is about, and what to do.
    package var sentence: String { "\(headline). \(advice)" }

    /// What went wrong; names of objects and numbers alone.
    package var headline: String {
        let name = object.map { $0.isEmpty ? "the destination" : $0 } ?? ""
        return switch self {
        case .file(.full, _): "The disk of \(name) is full"
        case .file(.denied, _): "\(name) may not be written or read"
        case .file: "\(name) cannot be written or read"
        case .log(.damaged(let fault)): "The log is damaged at entry \(fault.index) of segment \(fault.segment)"
        case .log: "The log cannot be read"
        case .key: "A key cannot be used"
        case .missing: "\(name) is missing"
        case .occupied: "\(name) holds other bytes than those to be written"
        case .damaged(let finding): finding.sentence
        case .flawed(_, let flaw): "\(name) cannot be believed (\(flaw))"
        case .unmarked: "There are backups, or parts of them, without a marker that says whose"
        case .marker: "The marker \(name) is damaged"
        case .laterVersion: "\(name) was written by a later version"
        case .otherCluster(let cluster, isAncestor: true):
            "The destination is that of the store this one was branched from (cluster \(Hex.text(of: cluster.bytes)))"
        case .otherCluster(let cluster, isAncestor: false):
            "The destination is another store's (cluster \(Hex.text(of: cluster.bytes)))"
        case .ahead(let index): "The newest backup there goes further than this log (entry \(index))"
        case .otherHistory(let index): "The newest backup there holds another entry \(index) than this log"
        case .otherChain(let number): "The second destination holds another backup \(number) than the first"
        case .olderRegisters(let kinds):
            "Registers there go further than here: \(kinds.map { "\($0)" }.joined(separator: ", "))"
        case .empty: "There is no backup"
        case .busy: "Somebody else is at work at the destination"
        case .hold: "\(name) cannot be read, or holds a backup that is not there"
        }
    }
}

extension BackupFinding {
    /// What is wrong and where; names of objects and numbers alone.
    package var sentence: String {
        var text = "\(object): \(word)"
        if offset > 0 { text += " at byte \(offset)" }
        if let segment, let index {
            text += " (segment \(segment), entry \(index)"
            if let position { text += ", from position \(position) on" }
            text += ")"
        }
        return text
    }

    package var word: String {
        switch kind {
        case .missing: "missing"
        case .length: "too short or too long"
        case .content: "changed"
        case .segment(let fault): "damaged, \(fault)"
        case .signed(let flaw): "not to be believed, \(flaw)"
        case .marker: "damaged"
        case .hold: "not a hold of a backup that is there"
        case .digests: "folds to other views than it says"
        case .head: "ends elsewhere than it says"
        }
    }
}
