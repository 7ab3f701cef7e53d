internal import Bytes
internal import Keys
internal import Records

/// A read under way: who waits for it and on whose behalf it reads.
struct ReadContext {
    let id: AskID
    let caller: Caller
    let credential: CredentialRow
    let tenant: Tenant

    /// The start of an access record of this read.
    func record(_ code: RecordCode, replica: Int) -> RecordDraft {
        RecordDraft(
            code: code, outcome: .success, tenant: tenant.id, actor: tenant.actor(credential.name),
            behalf: caller.behalf(tenant), subjects: [],
            value: AuditValue(caller, credential: credential, replica: replica))
    }
}

extension Right {
    var scope: Scopes {
        switch self {
        case .append: .append
        case .read: .read
        case .audit: .audit
        }
    }
}

extension Request {
    /// What a credential needs for it.
    var scope: Scopes {
        switch self {
        case .append: .append
        case .read(.auditEvent, _, _), .readVersion(.auditEvent, _, _, _), .history(.auditEvent, _, _, _): .audit
        case .search(let query): query.kind == .auditEvent ? .audit : .read
        case .events, .read, .readVersion, .history: .read
        case .cluster, .backups, .refused: []
        }
    }

    /// The instant or position it is to be folded to.
    var asOf: AsOf? {
        switch self {
        case .events(let query): query.asOf
        case .read(_, _, let asOf), .readVersion(_, _, _, let asOf), .history(_, _, let asOf, _): asOf
        case .search(let query): query.asOf
        case .append, .cluster, .backups, .refused: nil
        }
    }
}

extension ViewKind {
    /// The streams it is folded from; nil of the audit view.
    var category: Category? {
        switch self {
        case .patient: .patient
        case .appointment: .appointment
        case .auditEvent: nil
        }
    }
}

extension Problem {
    static var noSuchResource: Problem {
        Problem(.notFound, "There is no such resource here, or it was not made by then.")
    }

    static var goneResource: Problem {
        Problem(.gone, "It was entered in error or taken back; its history is still there.")
    }
}
