import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Base64;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka's own producer: brokers, topic, codec; on standard input a key and a value per line, in base64. */
class Produce {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments[0],
            "compression.type", arguments[2],
            "linger.ms", 1000,
            "batch.size", 1 << 20,
            "max.request.size", 4 << 20,
            "buffer.memory", 256L << 20);
        var bytes = new ByteArraySerializer();
        var lines = new BufferedReader(new InputStreamReader(System.in));
        try (var producer = new KafkaProducer<byte[], byte[]>(settings, bytes, bytes)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] parts = line.split(" ");
                var decoder = Base64.getDecoder();
                producer.send(new ProducerRecord<>(arguments[1], decoder.decode(parts[0]), decoder.decode(parts[1])));
            }
            producer.flush();
        }
    }
}
