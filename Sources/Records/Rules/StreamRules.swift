/// When a stream begins, and what a stream that is over still takes.
///
/// A patient entered in error or rewound away may be registered anew, its versions going on; an appointment entered in
/// error stays so (its status machine says no); nothing is added to a stream whose subject is erased.
package enum StreamRules {
    /// Whether the event begins the stream (anew). `state` is nil when there is no such stream.
    ///
    /// - Throws: `missingStream`, `alreadyExists`, `gone`.
    package static func begins(_ type: EventType, on category: Category, state: StreamState?) throws(Problem) -> Bool {
        switch (state, creation(of: type, on: category)) {
        case (.erased?, _):
            throw Problem(.gone, "The data subject was erased: nothing can be added to this stream.")
        case (.live?, .always):
            throw Problem(.alreadyExists, "The stream exists; change it with another type.", [.member("subject")])
        case (.live?, .whenMissing), (.live?, .never): return false
        case (nil, .always), (nil, .whenMissing), (.absent?, .always), (.absent?, .whenMissing), (.gone?, .always),
            (.gone?, .whenMissing):
            return true
        case (nil, .never):
            throw Problem(.missingStream, "There is no such stream; begin it first.", [.member("subject")])
        case (.gone?, .never), (.absent?, .never):
            throw Problem(.gone, "The stream is over; begin it anew before anything else.")
        }
    }

    /// The stream's state after an event of this type.
    package static func state(after type: EventType) -> StreamState {
        switch type.name {
        case "patient.entered-in-error", "appointment.entered-in-error": .gone
        default: .live
        }
    }

    private static func creation(of type: EventType, on category: Category) -> Creation {
        guard let kind = type.kind else { return .never }
        // A restriction asked for is a Consent of its own; on a patient's stream it joins what is there.
        if category == .patient, kind.creation == .whenMissing { return .never }
        return kind.creation
    }
}
