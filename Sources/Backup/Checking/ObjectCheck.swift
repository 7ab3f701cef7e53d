internal import Bytes
internal import Keys
internal import SegmentedLog

/// One object held against what a manifest says of it.
struct ObjectCheck {
    let manifest: Manifest
    let object: ManifestObject

    /// What is wrong with the bytes first; nil when they are those that were put there.
    func finding(in bytes: [UInt8]) -> BackupFinding? {
        if bytes.count == object.bytes, SHA256.digest(bytes) == object.hash { return nil }
        if object.kind != .view, let flaw = SegmentImage.flaw(in: bytes, of: manifest.claim(object)) {
            var found = finding(.segment(flaw.fault.kind), offset: flaw.offset)
            found.index = flaw.fault.index
            // The judge knows no position before it has read a header.
            if flaw.fault.position > 0 { found.position = flaw.fault.position }
            return found
        }
        if bytes.count != object.bytes { return finding(.length, offset: min(bytes.count, object.bytes)) }
        return finding(.content, offset: 0)
    }

    /// As the other, of the object in its destination.
    ///
    /// - Throws: when the destination cannot be read; a missing object is a finding.
    func finding(in destination: some BackupDestination) throws(BackupError) -> BackupFinding? {
        do throws(BackupError) {
            return finding(in: try destination.read(object.name, atMost: object.bytes))
        } catch {
            if case .missing = error { return missing }
            throw error
        }
    }

    var missing: BackupFinding { finding(.missing, offset: 0) }

    private func finding(_ kind: BackupFinding.Kind, offset: Int) -> BackupFinding {
        guard object.kind != .view else { return BackupFinding(object: object.name, kind: kind, offset: offset) }
        return BackupFinding(
            object: object.name, kind: kind, offset: offset, segment: object.segment, index: object.firstIndex,
            position: object.firstPosition)
    }
}
