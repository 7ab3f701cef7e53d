import Bytes
import JSON
import Records

/// What `POST /v1/restores` answers, and `chartlog restore rewind --json` shows.
enum RestoreWriter {
    static func json(_ plan: RestorePlan) -> [UInt8] {
        var writer = JSONWriter(reserving: 512)
        writer.object { writer in
            writer.member("applied", plan.appliedAt != nil)
            if let position = plan.appliedAt { writer.member("rewoundby", position) }
            writer.member("instant", plan.instant.text)
            writer.member("target", plan.target)
            writer.member("position", plan.position)
            writer.member("streams", plan.streams)
            writer.member("patients", plan.patients)
            writer.member("vanishing", plan.vanishing)
            writer.object("appointments") { writer in
                writer.member("returning", plan.appointmentsReturning)
                writer.member("vanishing", plan.appointmentsVanishing)
            }
            writer.object("never_rewound") { writer in
                writer.member("erasures", plan.erasures)
                writer.member("withdrawals", plan.withdrawals)
                writer.member("revocations", plan.revocations)
            }
        }
        return writer.bytes
    }
}
