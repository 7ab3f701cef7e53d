internal import API
internal import Files
internal import Linux
internal import Replica
internal import SegmentedLog
internal import Transport

/// The thread that writes the log: one batch, one sync, one fact. A slow disk keeps it and nobody else waiting.
enum LogWriter {
    enum Order: Sendable {
        /// Carry it out, then say that it is durable.
        case write(DiskBatch)
        /// Only what is to be done afterwards: the batch itself is on the disk.
        case prepare(DiskBatch)
        case end
    }

    /// Runs until told to end, with a store of its own.
    /// - Parameter finished: orders carried out to their very end; who sees as many as it gave knows this thread idle.
    static func run(
        _ root: String, orders: Mailbox<Order>, finished: Guarded<UInt64>, mail: NodeMail
    ) {
        let hand: DiskHand<LinuxFiles>
        do throws(FileError) { hand = DiskHand(try LinuxFiles(root: root)) } catch {
            return mail.toLoop.mustPost(.diskFailed(error))
        }
        var waiting: [Order] = []
        while true {
            orders.bell.wait()
            orders.takeAll(into: &waiting)
            for order in waiting {
                do throws(FileError) {
                    switch order {
                    case .write(let batch):
                        let before = LinuxClock.monotonicNanoseconds()
                        try hand.carryOut(batch)
                        mail.toLoop.mustPost(.persisted(batch: batch.number))
                        observe(since: before, mail)
                        try hand.carryOutAfterwards(batch)
                    case .prepare(let batch): try hand.carryOutAfterwards(batch)
                    case .end: return hand.release()
                    }
                } catch {
                    // Final: what the disk holds is unknown, and nothing more is written.
                    return mail.toLoop.mustPost(.diskFailed(error))
                }
                finished.withLock { $0 += 1 }
            }
        }
    }

    /// Counts how long a batch took to be durable.
    static func observe(since before: UInt64, _ mail: NodeMail) {
        let seconds = Double(LinuxClock.monotonicNanoseconds() - before) / 1e9
        mail.gauges.withLock { $0.fsync.observe(seconds: seconds) }
    }
}
