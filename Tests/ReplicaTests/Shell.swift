import Bytes
import Files
import Keys
import Records
import Replica
import SegmentedLog

/// A shell without threads: carries out what the replica orders, at once or when told, and keeps the answers.
final class Shell<Store: FileStore> {
    let store: Store
    let replica: Replica<Store>
    var wall = Instant(microseconds: 1_790_000_000_000_000)
    var milliseconds: UInt64 = 1_000
    var answers: [AskID: [Answer]] = [:]
    /// Answers that ended, in the order they came.
    var ended: [AskID] = []
    var credentials: [CredentialRow] = []
    var term: UInt64?
    var stop: Problem?
    var hasStopped = false
    /// Backups that it wants made.
    var jobs: [BackupJob] = []
    var snapshots = 0
    /// Told after each turn.
    var stepped: (() -> Void)?
    /// Batches wait here while `holdsDisk`.
    var waiting: [DiskBatch] = []
    var holdsDisk = false
    /// Background work waits here while `holdsBackground`.
    private var works: [BackgroundWork] = []
    var holdsBackground = false
    private var asked: UInt64 = 0
    private let crypto: Crypto
    private var dice = SeededDice(seed: 99)

    init(_ store: Store, seed: UInt64 = 1, configure: (inout ReplicaConfiguration) -> Void = { _ in }) throws {
        self.store = store
        crypto = try Crypto()
        var configuration = ReplicaConfiguration(id: 1, clusterID: ClinicStore.clusterID)
        configuration.log.headRooms = HeadRooms.none
        configuration.log.bodyCapacity = 1 << 20
        configuration.log.fillStep = 4096
        configuration.log.slotsMin = 32
        configuration.log.slotsMax = 64
        configure(&configuration)
        replica = try Replica.open(
            store, configuration: configuration, root: SecretKey(ClinicStore.root), dice: SeededDice(seed: seed))
    }

    /// The first tick, and all that follows from it.
    func start() -> Self {
        tick()
        return self
    }

    func tick(_ milliseconds: UInt64 = 1) {
        self.milliseconds += milliseconds
        wall.microseconds += Int64(milliseconds) * 1000
        tell([.ticked(wall: wall, monotonicMilliseconds: self.milliseconds)])
    }

    func tell(_ inputs: [ReplicaInput]) {
        var effects: [ReplicaEffect] = []
        replica.step(inputs, into: &effects)
        stepped?()
        carryOut(effects)
    }

    private func carryOut(_ effects: [ReplicaEffect]) {
        for effect in effects {
            switch effect {
            case .write(let batch):
                waiting.append(batch)
                if !holdsDisk { writeAll() }
            case .answer(let id, let answer, let isLast):
                answers[id, default: []].append(answer)
                if isLast { ended.append(id) }
            case .background(let work):
                works.append(work)
                if !holdsBackground { workAll() }
            case .credentials(let rows): credentials = rows
            case .ready(let term): self.term = term
            case .backUp(let job): jobs.append(job)
            case .send, .primary, .places, .retired: break
            case .stopped: hasStopped = true
            case .stop(let problem): stop = problem
            }
        }
    }

    /// Lets the disk do what it was given.
    func writeAll() {
        while !waiting.isEmpty {
            let batch = waiting.removeFirst()
            do {
                try batch.carryOut(on: store)
                tell([.persisted(batch: batch.number)])
            } catch {
                tell([.diskFailed(error)])
            }
        }
    }

    /// Lets the background thread do what it was given.
    func workAll() {
        while !works.isEmpty {
            let work = works.removeFirst()
            snapshots += 1
            tell([.backgroundFinished(work.carryOut(on: store, crypto: crypto, dice: &dice))])
        }
    }

    func newID() -> AskID {
        asked += 1
        return AskID(connection: 1, number: asked)
    }

    /// Asks, and answers with the last piece; nil when none came.
    @discardableResult
    func ask(_ request: Request, as caller: Caller = ClinicStore.caller()) -> Answer? {
        let id = newID()
        tick()
        tell([.asked(id, Ask(caller: caller, request: request))])
        return answers[id]?.last
    }

    @discardableResult
    func append(_ events: [IncomingEvent], key: String? = nil, as caller: Caller = ClinicStore.caller()) -> Answer? {
        ask(.append(AppendRequest(events: events, idempotencyKey: key)), as: caller)
    }

    var status: ClusterStatus? {
        if case .cluster(let status)? = ask(.cluster) { status } else { nil }
    }
}

extension HeadRooms {
    static var none: HeadRooms {
        var rooms = HeadRooms()
        rooms.events = 0
        rooms.records = 0
        rooms.control = 0
        return rooms
    }
}

extension Answer {
    var problem: Problem? { if case .problem(let problem) = self { problem } else { nil } }
    var appended: Appended? { if case .appended(let appended) = self { appended } else { nil } }
}

/// A store that the tests make, and what its clinic says.
enum ClinicStore {
    static let clusterID = Array(UInt8(1)...16)
    static let root = [UInt8](repeating: 7, count: 32)
    static let secret = Array("c2VydmljZS1zZWNyZXQtb2YtdGhlLXRlc3Qtc3RvcmU".utf8)

    static func create<Store: FileStore>(_ store: Store, members: [Int] = [1]) throws {
        var dice = SeededDice(seed: 42)
        try Replica.create(
            store,
            plan: GenesisPlan(
                clusterID: clusterID, members: members, createdAt: Instant(microseconds: 1_789_000_000_000_000),
                credentials: [
                    PlannedCredential(id: "admin", name: "administrator", scopes: .administer, secret: secret),
                    PlannedCredential(
                        id: "svc", name: "service", scopes: [.append, .read, .audit], secret: secret),
                ]),
            root: SecretKey(root), dice: &dice)
    }

    static func made() throws -> MemoryFiles {
        let files = MemoryFiles()
        try create(files)
        return files
    }

    static func caller(_ credential: String = "svc", purpose: String? = "TREAT") -> Caller {
        Caller(
            credential: credential, address: "192.0.2.77", onBehalfOf: "Practitioner/pr-plantedbehalf",
            purpose: purpose.flatMap(Purpose.init(code:)), requestID: "0f8fad5b-d9cb-469f-a165-70867728950e",
            traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    }

    static func event(_ json: String) throws -> IncomingEvent {
        try CloudEventReader.structured(Array(json.utf8))
    }

    static func registered(
        _ patient: String, id: String, family: String = "Plantedfamily", expected: Int? = nil
    ) throws -> IncomingEvent {
        let expectation = expected.map { #""expectedversion":\#($0),"# } ?? ""
        return try event(
            """
            {"specversion":"1.0","id":"\(id)","source":"/clinic/desk","type":"patient.registered",\(expectation)\
            "subject":"patient/\(patient)","datacontenttype":"application/fhir+json","data":{"resourceType":"Patient",\
            "id":"\(patient)","name":[{"family":"\(family)","given":["Adaeze"]}],"birthDate":"1984-02-29"}}
            """)
    }

    static func amended(_ patient: String, id: String, phone: String, expected: Int? = nil) throws -> IncomingEvent {
        let expectation = expected.map { #""expectedversion":\#($0),"# } ?? ""
        return try event(
            """
            {"specversion":"1.0","id":"\(id)","source":"/clinic/desk","type":"patient.contact-amended",\(expectation)\
            "subject":"patient/\(patient)","datacontenttype":"application/merge-patch+json",\
            "data":{"telecom":[{"system":"phone","value":"\(phone)"}]}}
            """)
    }

    static func booked(
        _ appointment: String, id: String, patients: [String] = ["p-1"], practitioner: String = "pr-7",
        start: String = "2026-12-01T09:00:00Z", end: String = "2026-12-01T09:30:00Z", overlap: Bool = false
    ) throws -> IncomingEvent {
        let people = patients.map { #"{"actor":{"reference":"Patient/\#($0)"},"status":"accepted"},"# }.joined()
        return try event(
            """
            {"specversion":"1.0","id":"\(id)","source":"/clinic/desk","type":"appointment.booked",\
            \(overlap ? #""allowoverlap":true,"# : "")"subject":"appointment/\(appointment)",\
            "datacontenttype":"application/fhir+json","data":{"resourceType":"Appointment","id":"\(appointment)",\
            "status":"booked","start":"\(start)","end":"\(end)","participant":[\(people)\
            {"actor":{"reference":"Practitioner/\(practitioner)"},"status":"accepted"}]}}
            """)
    }

    static func step(_ type: String, _ appointment: String, id: String, data: String? = nil) throws -> IncomingEvent {
        let body = data.map { #","datacontenttype":"application/merge-patch+json","data":\#($0)"# } ?? ""
        return try event(
            """
            {"specversion":"1.0","id":"\(id)","source":"/clinic/desk","type":"appointment.\(type)",\
            "subject":"appointment/\(appointment)"\(body)}
            """)
    }
}
