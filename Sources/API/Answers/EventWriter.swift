import Bytes
import JSON
import Records

/// Events as they are read back: what was sent, and what the server knows of it.
enum EventWriter {
    /// The stored object with `position` (text: a CloudEvents integer has 32 bits), `streamversion`, `recordedtime`
    /// and `actor` spliced in before its closing brace.
    static func write(_ event: ShownEvent, onto out: inout [UInt8]) {
        precondition(event.json.count > 2 && event.json.last == 0x7d)
        out.append(contentsOf: event.json[..<(event.json.count - 1)])
        out.append(",\"position\":\"")
        out.append(decimal: event.position)
        out.append("\"")
        if let version = event.version {
            out.append(",\"streamversion\":")
            out.append(decimal: version)
        }
        out.append(",\"recordedtime\":\"")
        out.append(contentsOf: event.recorded.bytes)
        out.append("\",\"actor\":")
        JSONWriter.quote(event.actor, onto: &out)
        out.append("}")
    }

    /// What ends a list that cannot go on; nil where its form cannot say so.
    static func problem(_ problem: Problem, _ format: EventsFormat, requestID: String) -> [UInt8]? {
        let json = ProblemWriter.json(problem, requestID: requestID)
        switch format {
        case .lines: return Array("{\"error\":".utf8) + json + Array("}\n".utf8)
        case .serverSent: return Array("event: problem\ndata: ".utf8) + json + Array("\n\n".utf8)
        case .batch, .array: return nil
        }
    }

    /// NDJSON: one event a line, and a line for the mark.
    static func lines(_ piece: EventsPiece, onto out: inout [UInt8]) {
        for event in piece.events {
            write(event, onto: &out)
            out.append("\n")
        }
        switch piece.mark {
        case .none: break
        case .end(let position, let more):
            out.append("{\"end\":")
            end(position, more, onto: &out)
            out.append("}\n")
        case .caughtUp(let position):
            out.append("{\"caughtup\":{\"position\":")
            out.append(decimal: position)
            out.append("}}\n")
        case .alive(let position):
            out.append("{\"position\":")
            out.append(decimal: position)
            out.append("}\n")
        }
    }

    /// Server-sent events: stored objects have no raw line ends, so each is one `data` line. A sign of life is a
    /// comment with an id, by which a client that reconnects need not look again at what its filter left out.
    static func serverSent(_ piece: EventsPiece, onto out: inout [UInt8]) {
        for event in piece.events {
            out.append("id: ")
            out.append(decimal: event.position)
            out.append("\ndata: ")
            write(event, onto: &out)
            out.append("\n\n")
        }
        switch piece.mark {
        case .none: break
        case .end(let position, let more):
            out.append("event: end\ndata: ")
            end(position, more, onto: &out)
            out.append("\n\n")
        case .caughtUp(let position):
            out.append("event: caughtup\nid: ")
            out.append(decimal: position)
            out.append("\ndata: {\"position\":")
            out.append(decimal: position)
            out.append("}\n\n")
        case .alive(let position):
            out.append(": alive\nid: ")
            out.append(decimal: position)
            out.append("\n\n")
        }
    }

    private static func end(_ position: UInt64, _ more: Bool, onto out: inout [UInt8]) {
        out.append("{\"position\":")
        out.append(decimal: position)
        out.append(more ? ",\"more\":true}" : ",\"more\":false}")
    }

    /// Elements of an array; `isFirst` until one was written.
    static func elements(_ piece: EventsPiece, isFirst: inout Bool, onto out: inout [UInt8]) {
        for event in piece.events {
            if !isFirst { out.append(",") }
            isFirst = false
            write(event, onto: &out)
        }
    }

    /// The answer to an append. Events of one request have one stamp, so its text is made once.
    static func appended(_ appended: Appended, onto out: inout [UInt8]) {
        out.reserveCapacity(out.count + 64 + appended.events.count * 192)
        out.append("{\"position\":")
        out.append(decimal: appended.position)
        out.append(",\"events\":[")
        var stamp: (instant: Instant, text: [UInt8])?
        for (at, event) in appended.events.enumerated() {
            if stamp?.instant != event.recorded { stamp = (event.recorded, event.recorded.bytes) }
            out.append(at == 0 ? "{\"id\":" : ",{\"id\":")
            JSONWriter.quote(event.id, onto: &out)
            out.append(",\"subject\":\"")
            out.append(event.subject.category.name)
            out.append("/")
            // A FHIR id needs no escapes.
            out.append(event.subject.id)
            out.append("\",\"version\":")
            out.append(decimal: event.version)
            out.append(",\"position\":")
            out.append(decimal: event.position)
            out.append(",\"recordedtime\":\"")
            out.append(contentsOf: stamp?.text ?? [])
            out.append("\"")
            if let rewoundBy = event.rewoundBy {
                out.append(",\"rewoundby\":")
                out.append(decimal: rewoundBy)
            }
            out.append("}")
        }
        out.append("]}")
    }
}
