internal import Keys
internal import Views
internal import Bytes
internal import Consensus
internal import Records
internal import SegmentedLog

extension Replica {
    /// What an operator sees; no PHI.
    var status: ClusterStatus {
        let digests = book.digests
        var term: UInt64 = raft.term
        var primary: Int?
        var role = "secondary"
        if case .primary(let mine) = life {
            term = mine
            primary = configuration.id
            role = "primary"
        }
        let own = ClusterStatus.Member(
            id: configuration.id, role: role, state: stateName, position: book.position,
            lagEvents: log.lastPosition - book.position, lagSeconds: 0, patientDigest: digests.patient.hex,
            appointmentDigest: digests.appointment.hex, auditDigest: digests.audit.hex, digestPosition: book.position,
            digestRecord: book.record)
        return ClusterStatus(
            clusterID: Hex.text(of: ring.clusterID), primary: primary, term: term, index: foldedIndex,
            position: book.position, record: book.record, minDurableCopies: primary == nil ? 0 : 1,
            lastStamp: book.lastStamp, members: [own], warnings: warnings)
    }

    private var stateName: String {
        switch life {
        case .opened, .electing: "starting"
        case .primary: "ready"
        case .damaged: "damaged"
        case .stopping, .stopped: "stopping"
        case .failed: "failed"
        }
    }

    private var warnings: [String] {
        var warnings: [String] = []
        if members.count == 1 { warnings.append("One copy: nothing survives the loss of this disk but a backup.") }
        if clock.isAhead { warnings.append("The clock jumped ahead by more than 5 s: appends are refused.") }
        if clock.hasWarned { warnings.append("The clock jumped ahead by more than 0.5 s.") }
        switch room {
        case .events: break
        case .records: warnings.append("The disk is nearly full: appends are refused.")
        case .control, .nothing: warnings.append("The disk is nearly full: appends and reads are refused.")
        }
        if background.hasFailed { warnings.append("The last snapshot failed; the next start takes longer.") }
        if case .damaged = life { warnings.append("The log is damaged: run chartlog verify.") }
        return warnings
    }
}
