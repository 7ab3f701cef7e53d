@testable import Backup
import Bytes
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Views

/// A real replica alone, with what a clinic says, and the backups made of it.
final class Clinic {
    let files: MemoryFiles
    let replica: Replica<MemoryFiles>
    private let crypto: Crypto
    private var dice = SeededDice(seed: 99)
    private var wall = Instant(microseconds: 1_790_000_000_000_000)
    private var milliseconds: UInt64 = 1_000
    private var asked: UInt64 = 0
    private(set) var appended = 0

    static let clusterID = Array(UInt8(1)...16)

    init() throws {
        files = MemoryFiles()
        crypto = try Crypto()
        var dice = SeededDice(seed: 42)
        let root = SecretKey([UInt8](repeating: 7, count: 31) + [8])
        try Replica.create(
            files,
            plan: GenesisPlan(
                clusterID: Self.clusterID, members: [1], createdAt: Instant(microseconds: 1_789_000_000_000_000),
                credentials: [
                    PlannedCredential(id: "svc", name: "service", scopes: [.append, .read], secret: Array("s".utf8))
                ]),
            root: root, dice: &dice)
        var configuration = ReplicaConfiguration(id: 1, clusterID: Self.clusterID)
        configuration.log.headRooms.events = 0
        configuration.log.headRooms.records = 0
        configuration.log.headRooms.control = 0
        configuration.log.bodyCapacity = 8 << 10
        configuration.log.fillStep = 4096
        configuration.log.slotsMin = 16
        configuration.log.slotsMax = 32
        replica = try Replica.open(files, configuration: configuration, root: root, dice: SeededDice(seed: 1))
        tell([])
    }

    /// Registers so many patients, each with an appointment.
    func live(_ patients: Int) throws {
        for _ in 0..<patients {
            appended += 1
            let number = appended
            tell([try register(number, event: "e\(number)")])
            try ask(
                """
                {"specversion":"1.0","id":"b\(number)","source":"/desk","type":"appointment.booked",\
                "subject":"appointment/a-\(number)","datacontenttype":"application/fhir+json",\
                "data":{"resourceType":"Appointment","id":"a-\(number)","status":"booked",\
                "start":"2026-12-01T09:00:00Z","end":"2026-12-01T09:30:00Z","participant":[\
                {"actor":{"reference":"Patient/p-\(number)"},"status":"accepted"},\
                {"actor":{"reference":"Practitioner/pr-\(number)"},"status":"accepted"}]}}
                """)
        }
    }

    /// Registers so many patients in one entry, each in a transaction of its own, and behind them what was refused.
    func liveAtOnce(_ patients: Int) throws {
        var asks: [ReplicaInput] = []
        for number in appended + 1...appended + patients { asks.append(try register(number, event: "e\(number)")) }
        asks.append(try register(1, event: "again"))
        appended += patients
        tell(asks)
    }

    /// Is refused once more: a record, and no event.
    func beRefused() throws { tell([try register(1, event: "again")]) }

    private func register(_ number: Int, event: String) throws -> ReplicaInput {
        try asking(
            """
            {"specversion":"1.0","id":"\(event)","source":"/desk","type":"patient.registered",\
            "subject":"patient/p-\(number)","datacontenttype":"application/fhir+json",\
            "data":{"resourceType":"Patient","id":"p-\(number)","name":[{"family":"Okafor"}]}}
            """)
    }

    private func ask(_ json: String) throws { tell([try asking(json)]) }

    private func asking(_ json: String) throws -> ReplicaInput {
        asked += 1
        let caller = Caller(
            credential: "svc", address: "192.0.2.1", onBehalfOf: nil, purpose: Purpose(code: "TREAT"),
            requestID: "r", traceParent: nil)
        let event = try CloudEventReader.structured(Array(json.utf8))
        let request = Request.append(AppendRequest(events: [event], idempotencyKey: nil))
        return .asked(AskID(connection: 1, number: asked), Ask(caller: caller, request: request))
    }

    /// Takes in what there is, after a tick, and carries out whatever is ordered.
    private func tell(_ inputs: [ReplicaInput]) {
        milliseconds += 1
        wall.microseconds += 1_000
        var facts: [ReplicaInput] = [.ticked(wall: wall, monotonicMilliseconds: milliseconds)] + inputs
        while !facts.isEmpty {
            var effects: [ReplicaEffect] = []
            replica.step(facts, into: &effects)
            facts = effects.compactMap(carryOut)
        }
    }

    private func carryOut(_ effect: ReplicaEffect) -> ReplicaInput? {
        switch effect {
        case .write(let batch):
            do {
                try batch.carryOut(on: files)
                return .persisted(batch: batch.number)
            } catch {
                return .diskFailed(error)
            }
        case .background(let work):
            return .backgroundFinished(work.carryOut(on: files, crypto: crypto, dice: &dice))
        case .answer, .credentials, .ready, .send, .primary, .places, .retired, .stopped, .stop, .backUp: return nil
        }
    }

    var keys: KeyRing { replica.ring }

    /// Has the replica write a snapshot of its views.
    func snap() {
        var effects: [ReplicaEffect] = []
        replica.takeSnapshot(into: &effects)
        tell(effects.compactMap(carryOut))
    }

    func stand() throws -> BackupStand {
        let cluster = ClusterIdentity(Self.clusterID)
        return BackupStand(
            cluster: cluster, lineage: [LineagePart(cluster: cluster, firstSegment: 1)], replica: 1, madeAt: wall,
            slices: try replica.log.slices(through: replica.foldedIndex), digests: replica.digests,
            epochs: [
                EpochUse(kind: .logEpoch, epoch: 1), EpochUse(kind: .registryEpoch, epoch: 1),
                EpochUse(kind: .audit, epoch: 1),
            ])
    }

    func backUp(_ stand: BackupStand, to destination: DirectoryDestination<MemoryFiles>) throws -> Manifest {
        try House.finish(
            BackupRun(stand, from: files, to: destination, signer: TestSigner(), trust: TestSigner.trust))
    }
}
