using System.Buffers;
using System.Text;
using System.Text.Json;
using ACCOffload.Devices.Tests.Probe;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

// Executes one request through native-interop and prints the result or the error as JSON.
var buffer = new ArrayBufferWriter<byte>();
var code = 0;
using (var writer = new Utf8JsonWriter(buffer))
{
    try
    {
        Requests.Run(args, writer);
    }
    catch (LinuxException e)
    {
        code = 1;
        writer.Reset();
        buffer.Clear();
        writer.WriteStartObject();
        writer.WriteString("error", e.Message);
        writer.WriteString("errno", e.Errno.ToString());
        writer.WriteString("kernel", (e as NetlinkException)?.KernelMessage);
        writer.WriteEndObject();
    }
}
Console.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
return code;
