using System.Buffers.Binary;
using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;

namespace ACCOffload.Fuzz.Tests.Felix;

/// <summary>
/// The stream of Felix's driver: damaged frames are split as by a plain parser, a message is refused only with the documented exception,
/// and the changes of rows lead to exactly the rows that the compiler says it has.
/// </summary>
internal sealed class FelixTarget() : FuzzTarget("felix")
{
    public override int EpisodeLength => 100;

    public override int OneIn => 10;

    public override FuzzSession Start(Dice dice) => new Session();

    private sealed class Session : FuzzSession
    {
        private readonly PolicyCompiler _compiler = new();
        private readonly FelixPolicies _policies;
        private readonly Dictionary<(Type Table, object Key), PolicyRow> _rows = [];
        private byte[] _stream = [];

        public Session() => _policies = new FelixPolicies(_compiler);

        public override string Describe() => Convert.ToHexString(_stream);

        public override bool Step(Dice dice)
        {
            _stream = FelixInputs.Stream(dice);
            var (messages, isCut) = Read();
            var (expected, isCutExpected) = Split(_stream);
            FuzzFailure.Unless(isCut == isCutExpected, $"cut off: {isCut}, expected: {isCutExpected}");
            FuzzFailure.Unless(
                messages.Count == expected.Count && messages.Zip(expected).All(p => p.First.AsSpan().SequenceEqual(p.Second)),
                "the messages differ");

            // Half of the streams go on in the former connection.
            if (!_policies.IsInSync || dice.OneIn(2))
            {
                _policies.Begin();
            }

            var isAccepted = TryApply(messages) && !isCut;
            Compare();
            return isAccepted;
        }

        private static (List<byte[]> Messages, bool IsCut) Split(ReadOnlySpan<byte> stream)
        {
            var messages = new List<byte[]>();
            while (stream.Length >= sizeof(ulong))
            {
                var length = BinaryPrimitives.ReadUInt64LittleEndian(stream);
                if (length > (ulong)(stream.Length - sizeof(ulong)))
                {
                    break;
                }

                messages.Add(stream.Slice(sizeof(ulong), (int)length).ToArray());
                stream = stream[(sizeof(ulong) + (int)length)..];
            }

            return (messages, !stream.IsEmpty);
        }

        private (List<byte[]> Messages, bool IsCut) Read()
        {
            var messages = new List<byte[]>();
            var frames = new FelixFrames(new MemoryStream(_stream), TimeProvider.System);
            try
            {
                while (frames.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult() is { } message)
                {
                    messages.Add(message);
                }

                return (messages, false);
            }
            catch (FelixStreamException e)
            {
                FuzzFailure.Unless(!e.Message.Contains('\n', StringComparison.Ordinal), "the reason is not one line");
                return (messages, true);
            }
            finally
            {
                frames.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
        }

        private bool TryApply(List<byte[]> messages)
        {
            var decoder = new FelixDecoder();
            foreach (var bytes in messages)
            {
                FelixMessage message;
                try
                {
                    message = decoder.Decode(bytes);
                }
                catch (FelixStreamException e)
                {
                    FuzzFailure.Unless(!e.Message.Contains('\n', StringComparison.Ordinal), "the reason is not one line");
                    return false;
                }

                foreach (var change in _policies.Apply(message))
                {
                    Take(change);
                }
            }

            return true;
        }

        private void Take(RowChange change)
        {
            var key = (change.Row.GetType(), change.Row.Key);
            FuzzFailure.Unless(
                _rows.ContainsKey(key) == (change.Kind != RowChangeKind.Insert), $"{change} of a row that was {_rows.GetValueOrDefault(key)}");
            if (change.Kind == RowChangeKind.Delete)
            {
                _rows.Remove(key);
            }
            else
            {
                _rows[key] = change.Row;
            }
        }

        private void Compare()
        {
            var count = 0;
            foreach (var row in _compiler.Rows.Concat(_compiler.Bindings))
            {
                count++;
                FuzzFailure.Unless(
                    _rows.TryGetValue((row.GetType(), row.Key), out var known) && known == row, $"{row} instead of {known}");
            }

            FuzzFailure.Unless(count == _rows.Count, $"{_rows.Count} rows, of which the compiler knows {count}");
        }
    }
}
