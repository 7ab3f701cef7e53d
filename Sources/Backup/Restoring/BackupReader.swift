internal import Bytes
internal import SegmentedLog

/// One backup, chosen to be restored from.
///
/// Its manifest is believed and its objects are there in their lengths; what is in them is checked as they are read.
package struct BackupReader<Destination: BackupDestination> {
    let destination: Destination
    package let manifest: Manifest
    /// Newer backups that cannot be used, the newest first, and why: say so to whoever restores.
    package let passedOver: [BackupFinding]
    /// Registers that the destination has seen further than this backup has them; only when that was allowed.
    package let olderRegisters: [RegisterKind]

    /// Chooses a backup.
    ///
    /// - Parameters:
    ///   - number: Of the manifest; by default the newest.
    ///   - allowsOlderRegisters: Takes one behind which the destination has seen erasures, withdrawals, revocations,
    ///     holds or audit records; whoever says so must bring them in from elsewhere. Also where what was seen last
    ///     cannot be read, in a newer manifest or a note.
    ///   - passesOver: Takes the newest that can be used, though there are newer ones: to look, not to restore, which
    ///     would come out shorter than was asked for.
    /// - Throws: `.empty`; `.missing`, `.flawed` or `.damaged` when the one asked for cannot be used; `.olderRegisters`.
    package init(
        _ destination: Destination, number: UInt64? = nil, trust: BackupTrust, allowsOlderRegisters: Bool = false,
        passesOver: Bool = false
    ) throws(BackupError) {
        guard let marker = try BackupMarker.find(in: destination) else { throw .empty }
        let listing = try Listing([BackupLayout.segments, BackupLayout.tails], of: destination)
        let numbers = try SignedManifest.numbers(in: destination).reversed()
        guard !numbers.isEmpty else { throw .empty }
        var passed: [BackupFinding] = []
        var chosen: Manifest?
        var seen: [RegisterHead] = []
        for candidate in numbers {
            do throws(BackupError) {
                let found = try SignedManifest.read(
                    candidate, in: destination, cluster: marker.cluster, trust: trust
                ).manifest
                seen = seen.furthest(found.registers)
                guard chosen == nil, number == nil || number == candidate else { continue }
                if let lost = found.segments.first(where: { !listing.holds($0) }) {
                    throw .damaged(ObjectCheck(manifest: found, object: lost).missing)
                }
                chosen = found
            } catch {
                guard let finding = error.finding, number != candidate else { throw error }
                guard chosen == nil else { continue }
                let isMeant = number != nil && allowsOlderRegisters
                guard passesOver || isMeant else { throw error }
                passed.append(finding)
            }
        }
        guard let chosen else {
            if let number { throw .missing(object: BackupLayout.manifest(number)) }
            throw .damaged(passed[0])
        }
        do throws(BackupError) {
            let note = try RegisterNote.newest(in: destination, cluster: marker.cluster, trust: trust)
            seen = seen.furthest(note?.registers ?? [])
        } catch {
            guard allowsOlderRegisters, error.finding != nil else { throw error }
        }
        olderRegisters = chosen.registers.behind(seen)
        guard olderRegisters.isEmpty || allowsOlderRegisters else { throw .olderRegisters(olderRegisters) }
        self.destination = destination
        manifest = chosen
        passedOver = passed
    }

    /// What is wrong first with the snapshot of the views; nil when it is as it was backed up, or cannot be read now.
    package var viewFinding: BackupFinding? {
        for object in manifest.views {
            let check = ObjectCheck(manifest: manifest, object: object)
            if let finding = try? check.finding(in: destination) { return finding }
        }
        return nil
    }
}

extension BackupError {
    /// What is wrong with the destination's objects, if that is what it says.
    var finding: BackupFinding? {
        switch self {
        case .damaged(let finding): finding
        case .flawed(let object, let flaw): BackupFinding(object: object, kind: .signed(flaw))
        case .laterVersion(let object): BackupFinding(object: object, kind: .signed(.version))
        case .missing(let object): BackupFinding(object: object, kind: .missing)
        case .marker, .unmarked: BackupFinding(object: BackupLayout.marker, kind: .marker)
        case .hold(let name): BackupFinding(object: BackupLayout.hold(name), kind: .hold)
        case .file, .log, .key, .occupied, .otherCluster, .ahead, .otherHistory, .otherChain, .olderRegisters,
            .empty, .busy:
            nil
        }
    }
}
