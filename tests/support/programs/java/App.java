import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Handlers: one that tells about the virtual machine, one that fails, one for S3 Object Lambda. */
public class App {
    public static String tell(String event) throws Exception {
        InputStream layer = App.class.getResourceAsStream("/from-a-layer.txt");
        return "{\"event\": " + event + ", \"heap\": " + Runtime.getRuntime().maxMemory() / 1048576
            + ", \"property\": \"" + System.getProperty("given", "") + "\", \"library\": \"" + Class.forName("Library").getName()
            + "\", \"layer\": \"" + (layer == null ? "" : new String(layer.readAllBytes())) + "\"}";
    }

    public static String fail(String event) {
        throw new IllegalStateException("on purpose");
    }

    public static String fill(String event) {
        byte[][] all = new byte[100_000][];
        for (int i = 0; i < all.length; i++) all[i] = new byte[1_000_000];
        return "null";
    }

    /** Answer a GetObject with the object in capitals. */
    public static String upper(String event) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpResponse<String> source = client.send(
            HttpRequest.newBuilder(URI.create(member(event, "inputS3Url"))).build(), HttpResponse.BodyHandlers.ofString());
        String body = source.body().toUpperCase();
        URI endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL_S3") + "/WriteGetObjectResponse");
        String time = ZonedDateTime.now(ZoneOffset.UTC).format(DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'"));
        String[][] signed = {
            {"host", endpoint.getAuthority()},
            {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"},
            {"x-amz-date", time},
            {"x-amz-request-route", member(event, "outputRoute")},
            {"x-amz-request-token", member(event, "outputToken")},
            {"x-amz-security-token", System.getenv("AWS_SESSION_TOKEN")},
        };
        HttpRequest.Builder request = HttpRequest.newBuilder(endpoint).header("Authorization", sign(time, signed));
        for (String[] header : signed) if (!header[0].equals("host")) request.header(header[0], header[1]);
        HttpResponse<String> answer = client.send(
            request.POST(HttpRequest.BodyPublishers.ofString(body)).build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) throw new IllegalStateException(answer.body());
        return "{\"statusCode\": 200}";
    }

    static String member(String event, String name) {
        Matcher found = Pattern.compile("\"" + name + "\":\\s*\"([^\"]*)\"").matcher(event);
        if (!found.find()) throw new IllegalArgumentException(name);
        return found.group(1).replace("\\u0026", "&");
    }

    static String sign(String time, String[][] headers) throws Exception {
        StringBuilder lines = new StringBuilder("POST\n/WriteGetObjectResponse\n\n");
        StringBuilder names = new StringBuilder();
        for (String[] header : headers) {
            lines.append(header[0]).append(':').append(header[1]).append('\n');
            names.append(names.length() == 0 ? "" : ";").append(header[0]);
        }
        lines.append('\n').append(names).append("\nUNSIGNED-PAYLOAD");
        String day = time.substring(0, 8), region = System.getenv("AWS_REGION");
        String scope = day + "/" + region + "/s3-object-lambda/aws4_request";
        String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes(lines.toString())));
        byte[] key = bytes("AWS4" + System.getenv("AWS_SECRET_ACCESS_KEY"));
        for (String part : scope.split("/")) key = mac(key, part);
        String signature = HexFormat.of().formatHex(mac(key, "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + digest));
        return "AWS4-HMAC-SHA256 Credential=" + System.getenv("AWS_ACCESS_KEY_ID") + "/" + scope + ", SignedHeaders=" + names
            + ", Signature=" + signature;
    }

    static byte[] mac(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(bytes(text));
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
