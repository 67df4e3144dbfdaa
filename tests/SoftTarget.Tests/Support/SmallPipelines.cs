using Google.Protobuf;
using P4.Config.V1;

namespace ACCOffload.SoftTarget.Tests.Support;

/// <summary>Small pipelines, defined here.</summary>
internal static class SmallPipelines
{
    private const string Start =
        """
        struct ethernet_t {
        	bit<48> dst_mac
        	bit<48> src_mac
        	bit<16> ether_type
        }
        struct out_of_arg_t {
        	bit<32> port
        }
        header ethernet instanceof ethernet_t

        """;

    private const string Actions =
        """
        action drop_it args none {
        	drop
        	return
        }
        action out_of args instanceof out_of_arg_t {
        	mov m.output_port t.port
        	return
        }

        """;

    /// <summary>One exact table `big` for a million entries, keyed on the input port: out_of(port) or drop_it().</summary>
    public static TestPipeline BigTable { get; } = TestPipeline.Of(
        Parse(
            """
            {
              "tables": [ {
                "preamble": { "id": 33554433, "name": "c.big", "alias": "big" },
                "matchFields": [ { "id": 1, "name": "key", "bitwidth": 32, "matchType": "EXACT" } ],
                "actionRefs": [ { "id": 16777217 }, { "id": 16777218 } ],
                "size": "1048576"
              } ],
              "actions": [
                { "preamble": { "id": 16777217, "name": "c.out_of", "alias": "out_of" }, "params": [ { "id": 1, "name": "port", "bitwidth": 32 } ] },
                { "preamble": { "id": 16777218, "name": "c.drop_it", "alias": "drop_it" } }
              ]
            }
            """),
        Start +
        """
        struct metadata_t {
        	bit<32> input_port
        	bit<32> output_port
        }
        metadata instanceof metadata_t

        """ + Actions +
        """
        table big {
        	key {
        		m.input_port exact
        	}
        	actions {
        		out_of
        		drop_it
        	}
        	default_action drop_it args none
        	size 0x100000
        }
        apply {
        	rx m.input_port
        	extract h.ethernet
        	table big
        	emit h.ethernet
        	tx m.output_port
        }

        """);

    /// <summary>
    /// Packets for and from the controller: packet_out (port: 32 bits) is sent to that port; all other packets go to the controller (port
    /// 4094) as packet_in (port: 20 bits, reason: 12 bits, always 5).
    /// </summary>
    public static TestPipeline PacketIo { get; } = TestPipeline.Of(
        Parse(
            """
            {
              "controllerPacketMetadata": [
                { "preamble": { "id": 67108865, "name": "packet_in", "alias": "packet_in" },
                  "metadata": [ { "id": 1, "name": "port", "bitwidth": 20 }, { "id": 2, "name": "reason", "bitwidth": 12 } ] },
                { "preamble": { "id": 67108866, "name": "packet_out", "alias": "packet_out" },
                  "metadata": [ { "id": 1, "name": "port", "bitwidth": 32 } ] }
              ]
            }
            """),
        Start +
        """
        struct packet_in_t {
        	bit<32> port_and_reason
        }
        struct packet_out_t {
        	bit<32> port
        }
        header packet_in instanceof packet_in_t
        header packet_out instanceof packet_out_t
        struct metadata_t {
        	bit<32> input_port
        	bit<32> output_port
        }
        metadata instanceof metadata_t
        apply {
        	rx m.input_port
        	jmpeq FROM_CONTROLLER m.input_port 0xFFE
        	extract h.ethernet
        	validate h.packet_in
        	mov h.packet_in.port_and_reason m.input_port
        	shl h.packet_in.port_and_reason 0xC
        	or h.packet_in.port_and_reason 0x5
        	mov m.output_port 0xFFE
        	jmp SEND
        	FROM_CONTROLLER : extract h.packet_out
        	extract h.ethernet
        	mov m.output_port h.packet_out.port
        	invalidate h.packet_out
        	SEND : emit h.packet_in
        	emit h.ethernet
        	tx m.output_port
        }

        """);

    private static P4Info Parse(string json) => JsonParser.Default.Parse<P4Info>(json);
}
