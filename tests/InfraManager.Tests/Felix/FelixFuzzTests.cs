using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>
/// Captured frames, damaged: truncated, with changed, doubled and lost bytes. They throw nothing but <see cref="FelixStreamException"/>,
/// and the tables stay equal to the evaluator whatever they did.
/// </summary>
public sealed class FelixFuzzTests(ITestOutputHelper output)
{
    private static readonly byte[][] Messages = [.. FelixCapture.Frames.Select(f => f.Message)];

    [Fact]
    public void Damaged_messages_throw_only_the_documented_exception_and_leave_tables_that_equal_the_evaluator()
    {
        long taken = 0, refused = 0, points = 0;
        Gen.Int[0, int.MaxValue].Sample(
            seed =>
            {
                var random = new Random(seed);
                var world = new FelixWorld();
                for (var start = 0; start < 2; start++)
                {
                    world.Begin();
                    var version = random.Next(2) == 0 ? "3.29.7" : "3.32.1";
                    // A whole start with little damage, then anything.
                    foreach (var message in FelixCaptureTests.Start(version, version))
                    {
                        Take(world, random.Next(20) == 0 ? Damage(random, message) : message);
                    }

                    Take(world, new FelixWriter(FelixDialect.Kinds).InSync());
                    for (var i = 0; i < 60; i++)
                    {
                        Take(world, Damage(random, Messages[random.Next(Messages.Length)]));
                    }

                    Assert.True(world.Policies.IsInSync);
                    Interlocked.Add(ref points, world.CheckEveryPoint(mostEndpoints: 1));
                }
            },
            iter: 30);
        output.WriteLine($"{taken} messages taken, {refused} refused, {points} points equal");
        Assert.True(taken > 100 && refused > 100 && points > 100);

        void Take(FelixWorld world, byte[] message)
        {
            try
            {
                world.Take(message);
                Interlocked.Increment(ref taken);
            }
            catch (FelixStreamException)
            {
                Interlocked.Increment(ref refused);
            }
        }
    }

    [Fact]
    public void Damaged_streams_end_with_the_documented_exception_or_at_a_frame() => Gen.Int[0, int.MaxValue].Sample(
        seed =>
        {
            var random = new Random(seed);
            var bytes = FelixCapture.Frames.Skip(random.Next(90)).Take(10).SelectMany(f => f.Frame).ToArray();
            bytes = Damage(random, bytes);
            using var stream = new MemoryStream(bytes);
            var decoder = new FelixDecoder();
            try
            {
                ReadAllAsync(stream, decoder).WaitAsync(TimeSpan.FromSeconds(30)).GetAwaiter().GetResult();
            }
            catch (FelixStreamException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        },
        iter: 2000);

    [Fact]
    public void Any_bytes_are_read_to_their_end_or_to_the_first_error() => Gen.Byte.Array[0, 60].Sample(
        bytes =>
        {
            var reader = new ProtoReader(bytes);
            var fields = 0;
            while (reader.MoveNext())
            {
                Assert.True(++fields <= bytes.Length);
            }

            var malformed = reader.IsMalformed;
            Assert.False(reader.MoveNext());
            Assert.Equal(malformed, reader.IsMalformed);
        },
        iter: 20_000);

    private static async Task ReadAllAsync(MemoryStream stream, FelixDecoder decoder)
    {
        await using var frames = new FelixFrames(stream, TimeProvider.System);
        while (await frames.ReadAsync(CancellationToken.None) is { } frame)
        {
            decoder.Decode(frame);
            while (frames.TryRead(out var next))
            {
                decoder.Decode(next);
            }
        }
    }

    private static byte[] Damage(Random random, byte[] bytes)
    {
        var damaged = bytes.ToList();
        for (var changes = random.Next(1, 4); changes > 0 && damaged.Count > 0; changes--)
        {
            var at = random.Next(damaged.Count);
            var length = Math.Min(random.Next(1, 9), damaged.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 1:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    damaged.RemoveRange(at, length);
                    break;
                case 3:
                    damaged.InsertRange(at, damaged.GetRange(at, length));
                    break;
                case 4:
                    damaged.RemoveRange(at, damaged.Count - at);
                    break;
                default:
                    var other = Messages[random.Next(Messages.Length)];
                    damaged.InsertRange(at, other[..random.Next(other.Length)]);
                    break;
            }
        }

        return [.. damaged];
    }
}
